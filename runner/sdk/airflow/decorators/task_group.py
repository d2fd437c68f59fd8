"""@task_group: a function that writes a group of tasks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from airflow.exceptions import NotSupported
from airflow.utils.task_group import TaskGroup


class TaskGroupFunction:
    """A decorated function. Calling it makes a group; the result is the function's, or the group itself."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self.function = function
        self.options = {"group_id": function.__name__, "add_suffix_on_collision": True, **options}
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        options = dict(self.options)
        if self.function.__doc__ and not options.get("tooltip"):
            options["tooltip"] = inspect.cleandoc(self.function.__doc__)
        with TaskGroup(**options) as group:
            result = self.function(*args, **kwargs)
        return group if result is None else result

    def override(self, **options: Any) -> TaskGroupFunction:
        return TaskGroupFunction(self.function, {**self.options, **options})

    def partial(self, **_: Any) -> Any:
        raise NotSupported(f"cannot map the group {self.options['group_id']!r}: expand() cannot be used yet")

    expand = expand_kwargs = partial


def task_group(group_id: Any = None, **options: Any) -> Any:
    """`@task_group` or `@task_group(group_id=..., ...)`; takes what TaskGroup takes."""
    if callable(group_id):
        return TaskGroupFunction(group_id, options)
    if group_id is not None:
        options["group_id"] = group_id
    return lambda function: TaskGroupFunction(function, options)
