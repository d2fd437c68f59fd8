"""@task_group: a function that writes a group of tasks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from airflow.exceptions import AirflowException
from airflow.models.expansion import MappedArgument, check_arguments, expand_over, expand_over_dicts
from airflow.utils.task_group import MappedTaskGroup, TaskGroup


class TaskGroupFunction:
    """A decorated function. Calling it makes a group; the result is the function's, or the group itself."""

    def __init__(
        self,
        function: Callable[..., Any],
        options: dict[str, Any],
        partial_kwargs: dict[str, Any] | None = None,
    ) -> None:
        if not callable(function):
            raise AirflowException(f"cannot make a task group of {function!r}: it is no function")
        self.function = function
        self.options = {"group_id": function.__name__, "add_suffix_on_collision": True, **options}
        self.partial_kwargs = partial_kwargs or {}
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._write(TaskGroup(**self._options()), args, kwargs)

    def override(self, **options: Any) -> TaskGroupFunction:
        """The same function with other arguments for its group."""
        return TaskGroupFunction(self.function, {**self.options, **options}, self.partial_kwargs)

    def partial(self, **kwargs: Any) -> TaskGroupFunction:
        """The function with arguments that all instances share. Raises TypeError for those it does not take."""
        check_arguments(self.function, "partial", kwargs)
        twice = sorted(kwargs.keys() & self.partial_kwargs.keys())
        if twice:
            raise TypeError(f"cannot give {', '.join(twice)} to partial() twice")
        return TaskGroupFunction(self.function, self.options, {**self.partial_kwargs, **kwargs})

    def expand(self, **mapped: Any) -> Any:
        """A group with one instance for every combination of items."""
        given = expand_over(mapped)
        check_arguments(self.function, "expand", mapped)
        twice = sorted(mapped.keys() & self.partial_kwargs.keys())
        if twice:
            raise TypeError(f"cannot map over {', '.join(twice)}: partial() has given a value already")
        return self._write_mapped(given, mapped.keys())

    def expand_kwargs(self, kwargs: Any) -> Any:
        """A group with one instance for each dict of arguments."""
        given = expand_over_dicts(kwargs)
        parameters = inspect.signature(self.function).parameters.values()
        if any(
            parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) for parameter in parameters
        ):
            raise TypeError(f"cannot use expand_kwargs() with {self.function.__name__!r}: it takes * or **")
        return self._write_mapped(given, [p.name for p in parameters if p.name not in self.partial_kwargs])

    def _write_mapped(self, given: Any, names: Any) -> Any:
        parameters = inspect.signature(self.function).parameters
        stubs = {}
        for name in names:
            default = getattr(parameters.get(name), "default", inspect.Parameter.empty)
            known = () if default is inspect.Parameter.empty else (default,)
            stubs[name] = MappedArgument(given, name, *known)
        group = MappedTaskGroup(**self._options(), expand_input=given)
        return self._write(group, (), {**self.partial_kwargs, **stubs})

    def _write(self, group: TaskGroup, args: Any, kwargs: dict[str, Any]) -> Any:
        group.doc_md = group.doc_md or self.function.__doc__
        with group:
            result = self.function(*args, **kwargs)
        return group if result is None else result

    def _options(self) -> dict[str, Any]:
        options = dict(self.options)
        if self.function.__doc__:
            text = inspect.cleandoc(self.function.__doc__)
            options["tooltip"] = options.get("tooltip") or text
        return options


def task_group(group_id: Any = None, **options: Any) -> Any:
    """`@task_group` or `@task_group(group_id=..., ...)`; takes what TaskGroup takes."""
    if callable(group_id):
        return TaskGroupFunction(group_id, options)
    if group_id is not None:
        options["group_id"] = group_id
    return lambda function: TaskGroupFunction(function, options)
