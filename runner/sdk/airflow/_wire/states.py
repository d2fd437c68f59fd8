"""The names of the states of a task instance and of a DAG run. Which may follow which: `runner.domain.states`."""

from __future__ import annotations

from enum import StrEnum


class TaskInstanceState(StrEnum):
    """State of one task in one run. A row that nothing has happened to yet has no state (None)."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    DEFERRED = "deferred"
    RESTARTING = "restarting"
    REMOVED = "removed"


class DagRunState(StrEnum):
    """State of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


TERMINAL = frozenset(
    {
        TaskInstanceState.SUCCESS,
        TaskInstanceState.FAILED,
        TaskInstanceState.SKIPPED,
        TaskInstanceState.UPSTREAM_FAILED,
        TaskInstanceState.REMOVED,
    }
)
"""Task states that only a recorded user action leaves."""

LIVE = frozenset({TaskInstanceState.QUEUED, TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING})
"""Task states in which an attempt was handed to an agent: it holds a slot and may have a process."""

RUN_TERMINAL = frozenset({DagRunState.SUCCESS, DagRunState.FAILED})
