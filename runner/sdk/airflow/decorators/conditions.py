"""@task.run_if and @task.skip_if: a condition asked right before a task's work."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from airflow.decorators.task import TaskFunction
from airflow.exceptions import AirflowSkipException

_MESSAGE = "Task was skipped due to condition."


def run_if(condition: Callable[[Any], Any], skip_message: str | None = None) -> Callable[[Any], TaskFunction]:
    """Skip the task unless `condition(context)`, a bool or (bool, message), is true."""
    return _guard(condition, skip_message, wanted=True)


def skip_if(
    condition: Callable[[Any], Any], skip_message: str | None = None
) -> Callable[[Any], TaskFunction]:
    """Skip the task when `condition(context)`, a bool or (bool, message), is true."""
    return _guard(condition, skip_message, wanted=False)


def _guard(
    condition: Callable[[Any], Any], message: str | None, wanted: bool
) -> Callable[[Any], TaskFunction]:
    def decorate(task: Any) -> TaskFunction:
        if not isinstance(task, TaskFunction):
            raise TypeError(f"cannot put a condition on {task!r}: decorate it with @task first")
        earlier = task.kwargs.get("pre_execute")

        @functools.wraps(condition)
        def check(context: Any) -> None:
            if earlier is not None:
                earlier(context)
            answer = condition(context)
            holds, said = answer if isinstance(answer, tuple) else (answer, None)
            if bool(holds) is not wanted:
                raise AirflowSkipException(said or message or _MESSAGE)

        task.kwargs["pre_execute"] = check
        return task

    return decorate
