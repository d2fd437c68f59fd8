"""The states of tasks and runs under the names DAG files use."""

from __future__ import annotations

from typing import ClassVar

from airflow._wire.states import RUN_TERMINAL, TERMINAL, DagRunState, TaskInstanceState

__all__ = ["DagRunState", "State", "TaskInstanceState", "TerminalTIState"]

TerminalTIState = TaskInstanceState


class State:
    """All states in one place, as constants, and the sets of them that code asks for."""

    SUCCESS = TaskInstanceState.SUCCESS
    RUNNING = TaskInstanceState.RUNNING
    FAILED = TaskInstanceState.FAILED
    NONE = None
    REMOVED = TaskInstanceState.REMOVED
    SCHEDULED = TaskInstanceState.SCHEDULED
    QUEUED = TaskInstanceState.QUEUED
    RESTARTING = TaskInstanceState.RESTARTING
    UP_FOR_RETRY = TaskInstanceState.UP_FOR_RETRY
    UP_FOR_RESCHEDULE = TaskInstanceState.UP_FOR_RESCHEDULE
    UPSTREAM_FAILED = TaskInstanceState.UPSTREAM_FAILED
    SKIPPED = TaskInstanceState.SKIPPED
    DEFERRED = TaskInstanceState.DEFERRED

    task_states: ClassVar[tuple[TaskInstanceState | None, ...]] = (None, *TaskInstanceState)
    dag_states: ClassVar[tuple[DagRunState, ...]] = tuple(DagRunState)
    finished: ClassVar[frozenset[TaskInstanceState]] = TERMINAL
    unfinished: ClassVar[frozenset[TaskInstanceState | None]] = (
        frozenset((None, *TaskInstanceState)) - TERMINAL
    )
    finished_dr_states: ClassVar[frozenset[DagRunState]] = RUN_TERMINAL
    unfinished_dr_states: ClassVar[frozenset[DagRunState]] = frozenset(DagRunState) - RUN_TERMINAL
    failed_states: ClassVar[frozenset[TaskInstanceState]] = frozenset({FAILED, UPSTREAM_FAILED})
    success_states: ClassVar[frozenset[TaskInstanceState]] = frozenset({SUCCESS, SKIPPED})
