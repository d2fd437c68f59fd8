"""@task and its variants: `@task.branch`, `@task.short_circuit`, `@task.bash`, `@task.python`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from airflow.decorators.decorated import (
    BashDecoratedOperator,
    BranchDecoratedOperator,
    DecoratedOperator,
    ShortCircuitDecoratedOperator,
    free_task_id,
    place_of,
    wants_multiple_outputs,
)
from airflow.exceptions import NotSupported
from airflow.models.xcom_arg import XComArg


class TaskFunction:
    """A decorated function. Calling it in a DAG makes a task and gives a promise of its output.

    `override(...)` gives the same function with other task arguments; `function` is the plain one.
    """

    def __init__(self, function: Callable[..., Any], operator: type, options: dict[str, Any]) -> None:
        self.function = function
        self.operator_class = operator
        self.kwargs = {"task_id": getattr(function, "__name__", "task"), **options}
        self.is_setup = self.is_teardown = False
        self.on_failure_fail_dagrun = False
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> XComArg:
        options = dict(self.kwargs)
        options["task_id"] = free_task_id(options["task_id"], *place_of(options))
        options.setdefault("multiple_outputs", self._multiple_outputs())
        if self.function.__doc__ and not any(
            options.get(name) for name in ("doc", "doc_md", "doc_rst", "doc_json")
        ):
            options["doc_md"] = inspect.cleandoc(self.function.__doc__)
        task = self.operator_class(python_callable=self.function, op_args=args, op_kwargs=kwargs, **options)
        if self.is_setup:
            task.as_setup()
        if self.is_teardown:
            task.as_teardown(on_failure_fail_dagrun=self.on_failure_fail_dagrun)
        return XComArg(task)

    def _multiple_outputs(self) -> bool:
        return self.operator_class is DecoratedOperator and wants_multiple_outputs(self.function)

    def override(self, **options: Any) -> TaskFunction:
        """The same function with other arguments for its task."""
        twin = TaskFunction(self.function, self.operator_class, {**self.kwargs, **options})
        twin.is_setup, twin.is_teardown = self.is_setup, self.is_teardown
        twin.on_failure_fail_dagrun = self.on_failure_fail_dagrun
        return twin

    def partial(self, **_: Any) -> Any:
        raise NotSupported(
            f"cannot map {self.kwargs['task_id']!r}: partial() and expand() cannot be used yet"
        )

    expand = expand_kwargs = partial


class TaskDecoratorCollection:
    """`task`: itself the decorator of Python functions, and the home of its variants."""

    def __call__(
        self, python_callable: Any = None, multiple_outputs: bool | None = None, **options: Any
    ) -> Any:
        return self.python(python_callable, multiple_outputs, **options)

    def python(
        self, python_callable: Any = None, multiple_outputs: bool | None = None, **options: Any
    ) -> Any:
        """A function as a task; with a dict as return annotation (or `multiple_outputs`) one XCom for each key."""
        if multiple_outputs is not None:
            options["multiple_outputs"] = multiple_outputs
        return task_decorator_factory(python_callable, decorated_operator_class=DecoratedOperator, **options)

    def branch(self, python_callable: Any = None, **options: Any) -> Any:
        """The function returns the id or ids of what comes next."""
        return task_decorator_factory(
            python_callable, decorated_operator_class=BranchDecoratedOperator, **options
        )

    def short_circuit(self, python_callable: Any = None, **options: Any) -> Any:
        """When the function returns something false, what comes after is skipped."""
        return task_decorator_factory(
            python_callable, decorated_operator_class=ShortCircuitDecoratedOperator, **options
        )

    def bash(self, python_callable: Any = None, **options: Any) -> Any:
        """The function returns a bash command to run."""
        return task_decorator_factory(
            python_callable, decorated_operator_class=BashDecoratedOperator, **options
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in (
            "virtualenv",
            "external_python",
            "branch_virtualenv",
            "branch_external_python",
            "sensor",
            "docker",
        ):
            raise NotSupported(f"cannot use @task.{name}: it is not there yet")
        raise AttributeError(f"there is no @task.{name}")


def task_decorator_factory(
    python_callable: Any = None,
    *,
    multiple_outputs: bool | None = None,
    decorated_operator_class: type,
    **options: Any,
) -> Any:
    """What providers build their own @task.x with; bare and called forms of the decorator."""
    if multiple_outputs is not None:
        options["multiple_outputs"] = multiple_outputs
    if python_callable is None:
        return lambda function: TaskFunction(function, decorated_operator_class, options)
    if not callable(python_callable):
        raise TypeError(f"cannot decorate {python_callable!r}: @task takes keyword arguments only")
    return TaskFunction(python_callable, decorated_operator_class, options)


task = TaskDecoratorCollection()
