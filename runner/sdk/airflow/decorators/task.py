"""@task: what a decorated function is, and how calls of it become tasks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from airflow.decorators.calls import (
    CONTEXT_NAMES,
    fill_from_defaults,
    free_task_id,
    place_of,
    wants_multiple_outputs,
)
from airflow.models.expansion import check_arguments, expand_over, expand_over_dicts
from airflow.models.operator_meta import defaults_for
from airflow.models.xcom_arg import XComArg

_DOCUMENTATION = ("doc", "doc_md", "doc_rst", "doc_json", "doc_yaml")


class TaskFunction:
    """A decorated function. Calling it in a DAG makes a task and gives a promise of its output.

    `override(...)` gives the same function with other task arguments; `partial` and `expand` map it; `function` is
    the plain one.
    """

    _airflow_is_task_decorator = True

    def __init__(self, function: Callable[..., Any], operator: type, options: dict[str, Any]) -> None:
        if "self" in inspect.signature(function).parameters:
            raise TypeError(f"cannot make a task of {function!r}: it is a method; decorate a function")
        self.function = function
        self.operator_class: Any = operator
        self.kwargs = {"task_id": getattr(function, "__name__", "task"), **options}
        self.is_setup = self.is_teardown = False
        self.on_failure_fail_dagrun = self.returns_dag_result = False
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> XComArg:
        options = self._options()
        given = {**options.pop("op_kwargs", {}), **kwargs}
        given = fill_from_defaults(self.function, args, given, defaults_for(options))
        return self._finish(
            self.operator_class(python_callable=self.function, op_args=args, op_kwargs=given, **options)
        )

    def override(self, **options: Any) -> TaskFunction:
        """The same function with other arguments for its task."""
        twin = TaskFunction(self.function, self.operator_class, {**self.kwargs, **options})
        twin.is_setup, twin.is_teardown = self.is_setup, self.is_teardown
        twin.on_failure_fail_dagrun = self.on_failure_fail_dagrun
        twin.returns_dag_result = self.returns_dag_result
        return twin

    # ---- mapping --------------------------------------------------------------------------------------------

    def partial(self, **kwargs: Any) -> TaskFunction:
        """The function with arguments that all instances share. Raises TypeError for those it does not take."""
        self._check_names("partial", kwargs)
        known = self.kwargs.get("op_kwargs", {})
        twice = sorted(kwargs.keys() & known.keys())
        if twice:
            raise TypeError(f"cannot give {', '.join(twice)} to partial() twice")
        return self.override(op_kwargs={**known, **kwargs})

    def expand(self, **mapped: Any) -> XComArg:
        """A task with one instance for every combination of items; the last argument changes fastest."""
        given = expand_over(mapped)
        self._check_names("expand", mapped)
        return self._map(given, strict=False)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> XComArg:
        """A task with one instance for each dict; `strict`: they may not give again what partial() gave."""
        return self._map(expand_over_dicts(kwargs), strict=strict)

    def _map(self, given: Any, strict: bool) -> XComArg:
        from airflow.models.mappedoperator import MappedOperator

        options = {"op_kwargs": {}, **self._options(), "python_callable": self.function}
        if options.get("trigger_rule") == "always" and next(given.iter_references(), None):
            raise ValueError(
                f"cannot map {options['task_id']!r} over outputs: with the trigger rule 'always' it would not wait"
            )
        return self._finish(
            MappedOperator(self.operator_class, options, given, strict=strict, target="op_kwargs")
        )

    def _check_names(self, action: str, kwargs: dict[str, Any]) -> None:
        ours = sorted(kwargs.keys() & CONTEXT_NAMES)
        if ours:
            raise ValueError(
                f"cannot call {action}() on {', '.join(ours)}: the context of the run gives that"
            )
        check_arguments(self.function, action, kwargs)

    # ---- what a call and a mapping have in common -----------------------------------------------------------

    def _options(self) -> dict[str, Any]:
        options = dict(self.kwargs)
        options["task_id"] = free_task_id(options["task_id"], *place_of(options))
        options.setdefault("multiple_outputs", wants_multiple_outputs(self.function))
        if self.is_teardown and "trigger_rule" in options:
            raise ValueError(f"cannot set the trigger rule of {options['task_id']!r}: it is a teardown")
        if self.function.__doc__ and not any(options.get(name) for name in _DOCUMENTATION):
            options["doc_md"] = inspect.cleandoc(self.function.__doc__)
        return options

    def _finish(self, task: Any) -> XComArg:
        task.returns_dag_result = self.returns_dag_result
        if self.is_setup:
            task.as_setup()
        if self.is_teardown:
            task.as_teardown(on_failure_fail_dagrun=self.on_failure_fail_dagrun)
        return XComArg(task)

    def __repr__(self) -> str:
        return f"<@task {self.kwargs['task_id']}>"


def task_decorator_factory(
    python_callable: Any = None,
    *,
    multiple_outputs: bool | None = None,
    decorated_operator_class: type,
    **options: Any,
) -> Any:
    """What @task and its variants, ours and those of providers, are built with; bare and called forms."""
    if multiple_outputs is not None:
        options["multiple_outputs"] = multiple_outputs
    if python_callable is None:
        return lambda function: TaskFunction(function, decorated_operator_class, options)
    if not callable(python_callable):
        raise TypeError(f"cannot decorate {python_callable!r}: @task takes keyword arguments only")
    return TaskFunction(python_callable, decorated_operator_class, options)


def result(task: Any) -> Any:
    """`@result`: the value of this task is the run's result. Takes a @task function or an output."""
    if isinstance(task, TaskFunction):
        task.returns_dag_result = True
    elif isinstance(task, XComArg):
        task.operator.returns_dag_result = True
    else:
        raise TypeError(f"cannot mark {task!r} as the result: it is neither a @task function nor an output")
    return task
