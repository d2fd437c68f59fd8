"""BaseOperator: one task of a DAG, and the class that every operator derives from.

Invariant: after construction a task has every option of `base_options.OPTIONS` as an attribute, is a member of its
DAG and group, and comes after the tasks whose outputs it was given.
"""

from __future__ import annotations

import functools
import inspect
import logging
import re
from abc import ABCMeta
from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar

from airflow.configuration import conf, generation
from airflow.exceptions import AirflowException, NotSupported, TaskDeferred
from airflow.models import scope
from airflow.models.base_options import DROPPED, OPTIONS, normalise
from airflow.models.param import ParamsDict
from airflow.models.taskmixin import DAGNode
from airflow.models.xcom_arg import XComArg, add_dependencies

_KEY = re.compile(r"[\w.-]+")


def validate_key(key: Any, length: int = 250) -> None:
    """Raises AirflowException unless `key` may be the id of a task, a group or a DAG."""
    if not isinstance(key, str):
        raise TypeError(f"cannot use {key!r} as an id: it is a {type(key).__qualname__}, not text")
    if len(key) > length:
        raise AirflowException(f"cannot use {key!r} as an id: it is longer than {length} characters")
    if not _KEY.fullmatch(key):
        raise AirflowException(
            f"cannot use {key!r} as an id: only letters, digits, dashes, dots and underscores may stand in it"
        )


class BaseOperatorMeta(ABCMeta):
    """Gives default_args to every constructor on the way up, and finishes a task after the last of them."""

    def __new__(cls, name: str, bases: tuple, namespace: dict[str, Any], **kwargs: Any) -> Any:
        if "__init__" in namespace:
            namespace["__init__"] = _with_defaults(namespace["__init__"])
        return super().__new__(cls, name, bases, namespace, **kwargs)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if args and "task_id" not in kwargs:
            kwargs["task_id"], args = args[0], args[1:]
        task = cls.__new__(cls)
        task._defaults = _default_args(kwargs)
        task.__init__(*args, **kwargs)
        if "_is_complete" not in task.__dict__:
            raise AirflowException(
                f"cannot create a {cls.__name__}: its constructor does not call super().__init__()"
            )
        add_dependencies(task)
        return task


def _default_args(kwargs: dict[str, Any]) -> dict[str, Any]:
    """What the DAG, the groups around the task and the task itself give as default_args; the nearest wins."""
    dag = kwargs.get("dag") or scope.current_dag()
    group = kwargs.get("task_group") or scope.current_group()
    if dag is None and group is not None:
        dag = group.dag
    merged: dict[str, Any] = dict(dag.default_args) if dag is not None else {}
    if group is not None:
        merged.update(group.default_args)
    merged.update(kwargs.get("default_args") or {})
    return merged


def _with_defaults(init: Callable[..., None]) -> Callable[..., None]:
    """`init`, with the arguments that it names and the caller left out taken from default_args."""
    names: frozenset[str] | None = None

    @functools.wraps(init)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        nonlocal names
        defaults = self.__dict__.get("_defaults")
        if defaults:
            if names is None:
                names = _named(init)
            given = set(list(inspect.signature(init).parameters)[1 : len(args) + 1]) if args else ()
            for name, value in defaults.items():
                if name in names and name not in kwargs and name not in given:
                    kwargs[name] = value
        init(self, *args, **kwargs)

    return wrapped


def _named(init: Callable[..., None]) -> frozenset[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    own = {name for name, parameter in inspect.signature(init).parameters.items() if parameter.kind in kinds}
    if init.__qualname__ == "BaseOperator.__init__":
        own |= OPTIONS.keys()
    return frozenset(own - {"self", "task_id", "dag", "task_group", "default_args"})


class AbstractOperator(DAGNode):
    """What tasks and (later) mapped tasks share: their name among types."""


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
    is_setup = is_teardown = False
    on_failure_fail_dagrun = False
    inherits_from_empty_operator = False

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
        if group is not None and group.dag is not None and dag is not None and group.dag is not dag:
            group = None
        validate_key(task_id)
        self.__dict__.update(_take_options(type(self), options, task_id))
        self.default_args = default_args or {}
        self.label = task_id
        self.task_group = group
        self.task_id = group.child_id(task_id) if group is not None else task_id
        self.upstream_task_ids: set[str] = set()
        self.downstream_task_ids: set[str] = set()
        self.definition_site = scope.site()
        self._dag: Any = None
        self._is_complete = True
        if dag is not None:
            self.dag = dag
        if group is not None:
            group.add(self)

    # ---- the DAG --------------------------------------------------------------------------------------------

    @property
    def dag(self) -> Any:
        """The DAG of this task. Raises AirflowException when it has none yet."""
        if self._dag is None:
            raise AirflowException(
                f"cannot find the DAG of the task {self.task_id!r}: it has not been given one"
            )
        return self._dag

    @dag.setter
    def dag(self, dag: Any) -> None:
        if self._dag is dag:
            return
        if self._dag is not None:
            raise AirflowException(
                f"cannot move the task {self.task_id!r} from {self._dag.dag_id!r} to another DAG"
            )
        dag.add_task(self)
        self._dag = dag

    def has_dag(self) -> bool:
        return self._dag is not None

    def get_dag(self) -> Any:
        return self._dag

    @property
    def dag_id(self) -> str:
        return str(self._dag.dag_id) if self._dag is not None else f"adhoc_{self.owner}"

    # ---- the graph ------------------------------------------------------------------------------------------

    @property
    def node_id(self) -> str:
        return self.task_id

    @property
    def roots(self) -> Sequence[Any]:
        return [self]

    @property
    def leaves(self) -> Sequence[Any]:
        return [self]

    @property
    def output(self) -> XComArg:
        """A promise of this task's return value."""
        return XComArg(self)

    @property
    def upstream_list(self) -> list[Any]:
        return [self.dag.get_task(task_id) for task_id in sorted(self.upstream_task_ids)]

    @property
    def downstream_list(self) -> list[Any]:
        return [self.dag.get_task(task_id) for task_id in sorted(self.downstream_task_ids)]

    def get_direct_relative_ids(self, upstream: bool = False) -> set[str]:
        return self.upstream_task_ids if upstream else self.downstream_task_ids

    def get_direct_relatives(self, upstream: bool = False) -> list[Any]:
        return self.upstream_list if upstream else self.downstream_list

    def get_flat_relative_ids(self, upstream: bool = False) -> set[str]:
        """The ids of all tasks before (`upstream`) or after this one, at any distance."""
        found: set[str] = set()
        pending = list(self.get_direct_relative_ids(upstream))
        while pending:
            task_id = pending.pop()
            if task_id not in found:
                found.add(task_id)
                pending += self.dag.get_task(task_id).get_direct_relative_ids(upstream)
        return found

    def get_flat_relatives(self, upstream: bool = False) -> list[Any]:
        return [self.dag.get_task(task_id) for task_id in sorted(self.get_flat_relative_ids(upstream))]

    # ---- setup and teardown ---------------------------------------------------------------------------------

    def as_setup(self) -> Any:
        """Mark this task as the setup of what comes after it."""
        self.is_setup = True
        return self

    def as_teardown(self, *, setups: Any = None, on_failure_fail_dagrun: bool | None = None) -> Any:
        """Mark this task as a teardown: it runs once its upstream is done, if its setups succeeded."""
        self.is_teardown = True
        self.trigger_rule = "all_done_setup_success"
        if on_failure_fail_dagrun is not None:
            self.on_failure_fail_dagrun = on_failure_fail_dagrun
        for setup in [] if setups is None else setups if isinstance(setups, (list, tuple)) else [setups]:
            task = getattr(setup, "operator", setup)
            task.as_setup()
            task.set_downstream(self)
        return self

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

    def defer(self, *, trigger: Any, method_name: str, kwargs: Any = None, timeout: Any = None) -> None:
        """Hand over to a trigger; this process ends and `method_name` is called when the trigger fires."""
        raise TaskDeferred(trigger=trigger, method_name=method_name, kwargs=kwargs, timeout=timeout)

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
    def partial(cls, **kwargs: Any) -> Any:
        raise NotSupported(f"cannot map {cls.__name__}: partial() and expand() cannot be used yet")

    @property
    def task_type(self) -> str:
        return type(self).__name__

    @property
    def operator_name(self) -> str:
        return getattr(self, "custom_operator_name", None) or self.task_type

    @property
    def log(self) -> logging.Logger:
        """This operator's logger; what it logs is in the task's log."""
        return logging.getLogger(
            self.__dict__.get("logger_name")
            or f"airflow.task.operators.{type(self).__module__}.{type(self).__name__}"
        )

    def __enter__(self) -> Any:
        """`with setup_task:` - only setups and teardowns may stand there; what is inside comes after the setup."""
        if not (self.is_setup or self.is_teardown):
            raise AirflowException(
                f"cannot use {self.task_id!r} in a with statement: it is no setup or teardown"
            )
        scope.current().setups.append((self, set(self.dag.task_dict)))
        return self

    def __exit__(self, *error: object) -> None:
        _, before = scope.current().setups.pop()
        for task_id in self.dag.task_dict.keys() - before:
            (self.set_downstream if self.is_setup else self.set_upstream)(self.dag.get_task(task_id))

    def __repr__(self) -> str:
        return f"<Task({self.task_type}): {self.task_id}>"

    def __lt__(self, other: Any) -> bool:
        return bool(self.task_id < other.task_id)


def _take_options(cls: type, options: dict[str, Any], task_id: str) -> dict[str, Any]:
    if options.keys() - OPTIONS.keys():
        options = _known(cls, options, task_id)
    values = normalise({**OPTIONS, **options}, task_id)
    values["params"] = ParamsDict(values["params"])
    values["_pre_execute_hook"], values["_post_execute_hook"] = (
        values.pop("pre_execute"),
        values.pop("post_execute"),
    )
    values["task_display_name"] = values["task_display_name"] or task_id
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
