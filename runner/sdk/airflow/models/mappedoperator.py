"""Dynamic task mapping: `Operator.partial(...).expand(...)`, and the task that stands for all instances until one runs.

A MappedOperator has every option of a task, so that scheduling needs to know nothing of its operator; the operator
itself is made by `unmap`, in the process of one instance.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from airflow.exceptions import AirflowException
from airflow.models import scope
from airflow.models.abstractoperator import AbstractOperator
from airflow.models.base_options import OPTIONS
from airflow.models.baseoperator import BaseOperator, enter_dag, take_options
from airflow.models.expansion import expand_over, expand_over_dicts, is_mappable
from airflow.models.identifiers import validate_key
from airflow.models.operator_meta import create_instance, defaults_for, parameter_names
from airflow.models.param import ParamsDict
from airflow.models.xcom_arg import find_references

_PLACE = ("dag", "task_group", "default_args")
_ROLES = ("is_setup", "is_teardown", "on_failure_fail_dagrun", "returns_dag_result")


class OperatorPartial:
    """What `Operator.partial(...)` gives: arguments that all instances share. `expand` makes the task."""

    def __init__(self, operator_class: Any, kwargs: dict[str, Any]) -> None:
        check_names(operator_class, "partial", kwargs)
        self.operator_class, self.kwargs = operator_class, kwargs
        self._was_expanded = False

    def expand(self, **mapped: Any) -> MappedOperator:
        """One instance for every combination of items. Raises TypeError or ValueError for what cannot be mapped."""
        self._was_expanded = True
        given = expand_over(mapped)
        check_names(self.operator_class, "expand", mapped)
        check_twice(self.kwargs, mapped)
        return MappedOperator(self.operator_class, self.kwargs, given, strict=False)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> MappedOperator:
        """One instance for each dict of arguments; `strict`: they may not give again what partial() gave."""
        self._was_expanded = True
        return MappedOperator(self.operator_class, self.kwargs, expand_over_dicts(kwargs), strict=strict)

    def __del__(self) -> None:
        if not self.__dict__.get("_was_expanded", True):
            warnings.warn(f"Task {self.kwargs.get('task_id')!r} was never mapped!", stacklevel=1)

    def __repr__(self) -> str:
        return f"{self.operator_class.__name__}.partial({', '.join(f'{k}={v!r}' for k, v in self.kwargs.items())})"


class MappedOperator(AbstractOperator):
    """A task that becomes as many instances as its input has items.

    `target` None: the mapped arguments are the operator's; else the name of the one that takes them as a dict.
    """

    is_mapped = True
    _dag: Any = None

    def __init__(
        self,
        operator_class: Any,
        kwargs: dict[str, Any],
        expand_input: Any,
        *,
        strict: bool,
        target: str | None = None,
    ) -> None:
        group = kwargs.get("task_group") or scope.current_group()
        dag = kwargs.get("dag") or scope.current_dag() or (group.dag if group is not None else None)
        label = kwargs["task_id"]
        validate_key(label)
        defaults = {name: value for name, value in defaults_for(kwargs).items() if name in OPTIONS}
        own = {name: value for name, value in kwargs.items() if name not in (*_PLACE, "task_id")}
        self.partial_kwargs = {**defaults, **own}
        options = {name: value for name, value in self.partial_kwargs.items() if name in OPTIONS}
        self.__dict__.update(take_options(operator_class, options, label))
        self.default_args = kwargs.get("default_args") or {}
        self.operator_class, self.expand_input = operator_class, expand_input
        self._strict, self._target = strict, target
        self.definition_site = scope.site()
        enter_dag(self, label, dag, group)
        if self.get_closest_mapped_task_group() is not None:
            raise NotImplementedError(
                f"cannot map the task {self.task_id!r}: it is in a group that is mapped itself"
            )
        self._set_dependencies()

    def _set_dependencies(self) -> None:
        templated = [self.partial_kwargs.get(name) for name in self.operator_class.template_fields]
        for operator, _ in find_references([self.expand_input.value, *templated]):
            if operator is self:
                raise AirflowException(f"cannot map {self.task_id!r} over its own output")
            self.set_upstream(operator)

    def __getattr__(self, name: str) -> Any:
        """What partial() gave, and data of the operator's class: methods and properties need an instance."""
        if name.startswith("__"):
            raise AttributeError(name)
        shared = self.__dict__.get("partial_kwargs", {})
        if name in shared:
            return shared[name]
        kind = self.__dict__.get("operator_class")
        found = getattr(kind, name)
        if isinstance(found, property):
            found = getattr(BaseOperator, name, found)
        if isinstance(found, property) or (callable(found) and not isinstance(found, type)):
            raise AttributeError(f"a mapped task has no {name!r} before one of its instances runs")
        return found

    # ---- what users and tools look at -----------------------------------------------------------------------

    @property
    def task_type(self) -> str:
        return str(self.operator_class.__name__)

    @property
    def operator_name(self) -> str:
        return getattr(self.operator_class, "custom_operator_name", None) or self.task_type

    def iter_mapped_dependencies(self) -> Iterator[Any]:
        """The tasks whose outputs it is mapped over."""
        for operator, _ in self.expand_input.iter_references():
            yield operator

    def __repr__(self) -> str:
        return f"<Mapped({self.task_type}): {self.task_id}>"

    # ---- in the process of an instance ----------------------------------------------------------------------

    def prepare_for_execution(self) -> MappedOperator:
        """Itself: an instance is a task of its own."""
        return self

    def unmap(self, context: Any) -> Any:
        """The task of the instance that `context` belongs to: a mapping of arguments, or the context to find them by.

        Raises what the functions of `.map()` raise, TypeError for arguments that the operator does not take.
        """
        mapped, results = self.expand_input.resolve(context)
        task = create_instance(self.operator_class, self._arguments(mapped), self)
        task.__dict__.update({name: getattr(self, name) for name in _ROLES if hasattr(self, name)})
        task._mapped_results = frozenset(results)
        return task

    def _arguments(self, mapped: dict[str, Any]) -> dict[str, Any]:
        """What the operator is constructed with: what all instances share under what this one has."""
        shared = self.partial_kwargs
        if self._target is not None:
            if self._strict:
                check_twice(shared.get(self._target) or {}, mapped)
            mapped = {self._target: {**(shared.get(self._target) or {}), **mapped}}
        elif self._strict:
            check_twice(shared, mapped)
        arguments = {**shared, **mapped, "task_id": self.task_id}
        if mapped.get("params"):
            arguments["params"] = ParamsDict(shared.get("params"))
            arguments["params"].deep_merge(ParamsDict(mapped["params"]))
        return arguments


def check_names(operator_class: Any, action: str, kwargs: dict[str, Any]) -> None:
    """Raises TypeError for arguments that the operator does not take, ValueError for values that cannot be mapped."""
    strange = [name for name in kwargs if name not in parameter_names(operator_class)]
    if strange:
        raise TypeError(
            f"cannot map {operator_class.__name__}: {action}() got unexpected arguments {', '.join(strange)}"
        )
    for name, value in kwargs.items():
        if action == "expand" and not is_mappable(value):
            raise ValueError(
                f"cannot map {operator_class.__name__} over {name!r}: a {type(value).__qualname__} has no items"
            )


def check_twice(shared: dict[str, Any], mapped: dict[str, Any]) -> None:
    """Raises TypeError for an argument that is given for all instances and for each."""
    both = sorted(shared.keys() & mapped.keys())
    if both:
        raise TypeError(f"cannot map over {', '.join(both)}: unmappable or already specified")
