"""The deferred tasks: found by the token of what they wait for, and counted in their pools while they do."""

from __future__ import annotations

from airflow._wire.messages import AWAITING_INPUT

from runner.domain.slots import Usage
from runner.domain.states import TaskInstanceState
from runner.scheduler.instances import Task
from runner.store.triggers import Deferral

_DEFERRED = TaskInstanceState.DEFERRED


class Waiting:
    """Who waits. What a person is to answer has no trigger: such a task is counted, and found by no token."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage
        self.tasks: dict[str, Task] = {}
        """Token of a deferral -> the deferred task."""

    def begin(self, task: Task) -> None:
        """The task is deferred."""
        self._usage.wait(task.demand)

    def put(self, task: Task, deferral: Deferral) -> bool:
        """Know what a task waits for, or what resumed it; whether it has a trigger that must run now."""
        task.deferral = deferral
        has_trigger = task.state is _DEFERRED and deferral.classpath != AWAITING_INPUT
        if has_trigger:
            self.tasks[deferral.token] = task
        return has_trigger

    def end(self, task: Task) -> None:
        """The task is deferred no more."""
        self._usage.wait(task.demand, -1)
        if task.deferral is not None:
            self.tasks.pop(task.deferral.token, None)
