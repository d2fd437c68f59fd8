"""@setup and @teardown: tasks that make and remove what others need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.decorators.collection import task
from airflow.decorators.task import TaskFunction
from airflow.exceptions import AirflowException


def setup(function: Callable[..., Any] | TaskFunction) -> TaskFunction:
    """Calls of the function are setup tasks."""
    made = _as_task(function, "setup")
    made.is_setup = True
    return made


def teardown(function: Any = None, *, on_failure_fail_dagrun: bool = False) -> Any:
    """Calls of the function are teardown tasks; `on_failure_fail_dagrun`: their failure fails the run."""

    def decorate(inner: Any) -> TaskFunction:
        made = _as_task(inner, "teardown")
        made.is_teardown, made.on_failure_fail_dagrun = True, on_failure_fail_dagrun
        return made

    return decorate if function is None else decorate(function)


def _as_task(function: Any, role: str) -> TaskFunction:
    if isinstance(function, TaskFunction):
        return function.override()
    if not callable(function) or not hasattr(function, "__name__") or hasattr(function, "expand"):
        raise AirflowException(
            f"cannot use {function!r} as a {role}: only functions and @task functions can be"
        )
    made = task(function)
    assert isinstance(made, TaskFunction)  # noqa: S101 - the bare form of the decorator
    return made


class ContextWrapper(list):
    """`with context_wrapper([a, b]):` - several setups or teardowns around what is written inside."""

    def __enter__(self) -> ContextWrapper:
        for member in self:
            member.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for member in reversed(self):
            member.__exit__(*error)


context_wrapper = ContextWrapper
