"""BaseOperator: one task of a DAG, and the class that every operator derives from.

Invariant: after construction a task has every option of `base_options.OPTIONS` as an attribute, is a member of its
DAG and group, and comes after the tasks whose outputs it was given.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.configuration import conf, generation
from airflow.exceptions import AirflowException, TaskDeferred
from airflow.models import scope
from airflow.models.abstractoperator import AbstractOperator
from airflow.models.base_options import DROPPED, OPTIONS, normalise
from airflow.models.chains import chain, chain_linear, cross_downstream
from airflow.models.identifiers import validate_key
from airflow.models.operator_meta import BaseOperatorMeta
from airflow.models.param import ParamsDict

__all__ = ["BaseOperator", "BaseOperatorMeta", "chain", "chain_linear", "cross_downstream"]


_PLACE = (
    "task_id", "label", "task_group", "_dag", "upstream_task_ids", "downstream_task_ids", "definition_site",
)  # fmt: skip
"""What an instance of a mapped task has in common with it."""


class BaseOperator(AbstractOperator, metaclass=BaseOperatorMeta):
    """One task. Subclasses override `execute(context)`; its return value is pushed as the XCom `return_value`.

    Fields named in `template_fields` are rendered before `execute`; text in them that ends with one of `template_ext`
    names a file to render instead. All options of `base_options.OPTIONS` are taken as keyword arguments; what the DAG
    and the task's groups have as default_args fills those that are not given. Raises AirflowException for an id that
    is taken or malformed; what happens to an argument nobody knows depends on the generation (1.10 drops it with a
    warning, later ones refuse it).
    """

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    ui_color: str = "#fff"
    ui_fgcolor: str = "#000"
    operator_extra_links: Collection[Any] = ()
    shallow_copy_attrs: Sequence[str] = ()
    custom_operator_name: str
    inherits_from_empty_operator = False
    start_from_trigger: bool = False
    start_trigger_args: Any = None

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(
        self,
        task_id: str,
        *,
        dag: Any = None,
        task_group: Any = None,
        default_args: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        group = task_group or scope.current_group()
        if dag is None:
            dag = scope.current_dag() or (group.dag if group is not None else None)
        mapped = self.__dict__.get("mapped_from")
        validate_key(task_id)
        self.__dict__.update(take_options(type(self), options, task_id))
        self.default_args = default_args or {}
        self._is_complete = True
        self._dag: Any = None
        if mapped is None:
            self.definition_site = scope.site()
            enter_dag(self, task_id, dag, group)
        else:
            self.__dict__.update({name: getattr(mapped, name) for name in _PLACE})
            self.__dict__["task_display_name"] = options.get("task_display_name") or self.task_id

    # ---- what subclasses override, and what runs in a task's process ----------------------------------------

    def execute(self, context: Any) -> Any:
        """Do the work. What it returns is pushed as the XCom `return_value`."""
        raise NotImplementedError(f"cannot run {type(self).__name__}: it does not define execute(context)")

    def pre_execute(self, context: Any) -> None:
        """Called right before `execute`."""
        hook = self.__dict__.get("_pre_execute_hook")
        if hook is not None:
            hook(context)

    def post_execute(self, context: Any, result: Any = None) -> None:
        """Called right after `execute`, with what it returned."""
        hook = self.__dict__.get("_post_execute_hook")
        if hook is not None:
            hook(context, result)

    def on_kill(self) -> None:
        """Called when the task is told to end: stop here what would go on without it."""

    def defer(
        self, *, trigger: Any, method_name: str | None, kwargs: Any = None, timeout: Any = None
    ) -> NoReturn:
        """Hand over to a trigger; this process ends and `method_name` is called when the trigger fires.

        The method gets the context and, by name, `kwargs` and `event` (what the trigger fired with). `timeout`: a
        timedelta or seconds, after which the task fails instead.
        """
        raise TaskDeferred(trigger=trigger, method_name=method_name, kwargs=kwargs, timeout=timeout)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Called in the place of `execute` when the trigger has fired, or has failed (`__fail__`)."""
        from airflow._task.deferral import resume

        return resume(self, next_method, next_kwargs or {}, context)

    def expand_start_trigger_args(self, *, context: Any) -> Any:
        return self.start_trigger_args

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Render the templated fields of this (copy of the) task in place."""
        from airflow._task.templates import render_fields

        render_fields(self, context, jinja_env)

    def render_template(
        self, content: Any, context: Any, jinja_env: Any = None, seen_oids: Any = None
    ) -> Any:
        """`content` with every template in it rendered."""
        from airflow._task.templates import Renderer

        return Renderer(self, context, jinja_env).render(content)

    def get_template_env(self, dag: Any = None) -> Any:
        """The Jinja environment that this task's templates are rendered in."""
        from airflow._task.templates import environment_for

        return environment_for(dag or self.get_dag())

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: Any = None
    ) -> None:
        """Render the attributes of `parent` that are named; operators of packages render with it what they add late."""
        for name in template_fields:
            setattr(parent, name, self.render_template(getattr(parent, name), context, jinja_env))

    def dry_run(self) -> None:
        """Log the templated fields as they stand."""
        for name in self.template_fields:
            self.log.info("Rendering template for %s: %s", name, getattr(self, name))

    def prepare_template(self) -> None:
        """Called after a template file's text has taken the place of its name."""

    def prepare_for_execution(self) -> Any:
        """A copy of this task that rendering may change."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def xcom_pull(self, context: Any, *args: Any, **kwargs: Any) -> Any:
        return context["ti"].xcom_pull(*args, **kwargs)

    def xcom_push(self, context: Any, key: str, value: Any, execution_date: Any = None) -> None:
        context["ti"].xcom_push(key=key, value=value)

    # ---- the rest -------------------------------------------------------------------------------------------

    @classmethod
    def partial(cls, task_id: str, **kwargs: Any) -> Any:
        """The arguments that all instances of a mapped task share; `.expand(...)` or `.expand_kwargs(...)` makes it."""
        from airflow.models.mappedoperator import OperatorPartial

        return OperatorPartial(cls, {"task_id": task_id, **kwargs})

    @property
    def task_type(self) -> str:
        return type(self).__name__

    @property
    def operator_name(self) -> str:
        return getattr(self, "custom_operator_name", None) or self.task_type

    def add_inlets(self, inlets: Iterable[Any]) -> None:
        self.inlets = [*(self.inlets or ()), *inlets]

    def add_outlets(self, outlets: Iterable[Any]) -> None:
        self.outlets = [*(self.outlets or ()), *outlets]

    def get_inlet_defs(self) -> list[Any]:
        return list(self.inlets or ())

    def get_outlet_defs(self) -> list[Any]:
        return list(self.outlets or ())

    @property
    def log(self) -> logging.Logger:
        """This operator's logger; what it logs is in the task's log."""
        return logging.getLogger(
            self.__dict__.get("logger_name")
            or f"airflow.task.operators.{type(self).__module__}.{type(self).__name__}"
        )

    def __repr__(self) -> str:
        return f"<Task({self.task_type}): {self.task_id}>"

    def __lt__(self, other: Any) -> bool:
        return bool(self.task_id < other.task_id)


def enter_dag(task: Any, label: str, dag: Any, group: Any) -> None:
    """Give a new task its id, its place among the groups and its DAG, as far as it has them."""
    if group is not None and (group.is_root or (None not in (group.dag, dag) and group.dag is not dag)):
        group = None
    task.label, task.task_group = label, group
    task.task_id = group.child_id(label) if group is not None else label
    task.task_display_name = task.task_display_name or task.task_id
    task.upstream_task_ids, task.downstream_task_ids = set(), set()
    if dag is not None:
        task.dag = dag
    if group is not None:
        group.add(task)


def take_options(cls: type, options: dict[str, Any], task_id: str) -> dict[str, Any]:
    """Every option of a task, from those that are given and the defaults."""
    if options.keys() - OPTIONS.keys():
        options = _known(cls, options, task_id)
    values = normalise({**OPTIONS, **options}, task_id)
    values["params"] = ParamsDict(values["params"])
    values["_pre_execute_hook"], values["_post_execute_hook"] = (
        values.pop("pre_execute"),
        values.pop("post_execute"),
    )
    return values


def _known(cls: type, options: dict[str, Any], task_id: str) -> dict[str, Any]:
    """`options` without those that no generation of today knows, refused or dropped as the generation does."""
    if "task_concurrency" in options:
        options.setdefault("max_active_tis_per_dag", options["task_concurrency"])
    known = {name: value for name, value in options.items() if name in OPTIONS}
    strange = sorted(options.keys() - OPTIONS.keys() - DROPPED)
    if strange:
        message = f"cannot create the task {task_id!r}: {cls.__name__} does not take {', '.join(strange)}"
        if generation() >= 3:
            raise TypeError(message)
        if generation() == 2 and not conf.getboolean("operators", "allow_illegal_arguments"):
            raise AirflowException(message)
        logging.getLogger(__name__).warning("%s; it is ignored", message)
    return known
