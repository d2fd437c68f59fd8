"""The state machine of a task instance and of a run: one table each.

The database's CHECK constraints, the conditional updates of the store and the diagram in the docs come from here.
"""

from __future__ import annotations

from airflow._wire.states import LIVE, RUN_TERMINAL, TERMINAL, DagRunState, TaskInstanceState

__all__ = [
    "LIVE",
    "RUN_TERMINAL",
    "RUN_TRANSITIONS",
    "TERMINAL",
    "TRANSITIONS",
    "DagRunState",
    "TaskInstanceState",
]

_S = TaskInstanceState

TRANSITIONS: dict[TaskInstanceState | None, dict[TaskInstanceState | None, str]] = {
    None: {
        _S.SCHEDULED: "its dependencies are met",
        _S.QUEUED: "its dependencies are met and a slot was free",
        _S.SUCCESS: "it has nothing to execute, or a user said so",
        _S.FAILED: "a user said so, or its run timed out",
        _S.SKIPPED: "its trigger rule, a branch or the end of its run skips it",
        _S.UPSTREAM_FAILED: "its trigger rule cannot be met any more",
        _S.REMOVED: "its DAG lost the task, or is mapped over fewer items now",
        _S.DEFERRED: "its dependencies are met, and it starts from a trigger",
    },
    _S.SCHEDULED: {
        None: "a user cleared it",
        _S.QUEUED: "a slot was free",
        _S.SUCCESS: "it has nothing to execute, or a user said so",
        _S.FAILED: "a user said so, or its run timed out",
        _S.SKIPPED: "a user said so, or its run ended",
        _S.REMOVED: "its DAG lost the task, or is mapped over fewer items now",
    },
    _S.QUEUED: {
        None: "a user cleared it",
        _S.SCHEDULED: "it could not be handed over, or its attempt vanished before it began",
        _S.RUNNING: "its process exists",
        _S.SUCCESS: "it reported success (the report overtook the start), or a user said so",
        _S.FAILED: "it could not be started, or a user said so",
        _S.SKIPPED: "it skipped itself, or its run ended",
        _S.UP_FOR_RETRY: "it could not be started and has tries left",
        _S.UP_FOR_RESCHEDULE: "it asked to be called again (the report overtook the start)",
        _S.DEFERRED: "it handed over to a trigger (the report overtook the start)",
        _S.REMOVED: "the version that its run was moved to does not have it",
    },
    _S.RUNNING: {
        _S.SUCCESS: "it reported success",
        _S.FAILED: "it failed and has no tries left",
        _S.SKIPPED: "it skipped itself",
        _S.UP_FOR_RETRY: "it failed and has tries left",
        _S.UP_FOR_RESCHEDULE: "it asked to be called again",
        _S.DEFERRED: "it handed over to a trigger",
        _S.RESTARTING: "a user cleared it while it ran",
        _S.REMOVED: "the version that its run was moved to does not have it",
    },
    _S.RESTARTING: {
        None: "its process is gone; it starts again",
        _S.FAILED: "its process is gone and a user said failed",
        _S.REMOVED: "the version that its run was moved to does not have it",
    },
    _S.UP_FOR_RETRY: {
        None: "a user cleared it",
        _S.SCHEDULED: "its delay is over",
        _S.QUEUED: "its delay is over and a slot was free",
        _S.DEFERRED: "its delay is over, and it starts from a trigger",
        _S.FAILED: "a user said so, or its run timed out",
        _S.SUCCESS: "a user said so",
        _S.SKIPPED: "a user said so, or its run ended",
        _S.REMOVED: "its task is mapped over fewer items now",
    },
    _S.UP_FOR_RESCHEDULE: {
        None: "a user cleared it",
        _S.SCHEDULED: "its time has come",
        _S.QUEUED: "its time has come and a slot was free",
        _S.FAILED: "a user said so, or its run timed out",
        _S.SUCCESS: "a user said so",
        _S.SKIPPED: "a user said so, or its run ended",
        _S.REMOVED: "its task is mapped over fewer items now",
    },
    _S.DEFERRED: {
        None: "a user cleared it",
        _S.SCHEDULED: "its trigger fired",
        _S.QUEUED: "its trigger fired and a slot was free",
        _S.FAILED: "its trigger failed or timed out, or a user said so",
        _S.SUCCESS: "its trigger ended it, or a user said so",
        _S.SKIPPED: "its trigger ended it, or a user said so",
        _S.UP_FOR_RETRY: "its trigger failed it, and it has tries left",
        _S.REMOVED: "the version that its run was moved to does not have it",
    },
    _S.SUCCESS: {
        None: "a user cleared it",
        _S.FAILED: "a user said so",
        _S.REMOVED: "its task is mapped over fewer items now",
    },
    _S.FAILED: {
        None: "a user cleared it",
        _S.SUCCESS: "a user said so",
        _S.SKIPPED: "a user said so",
        _S.REMOVED: "its task is mapped over fewer items now",
    },
    _S.SKIPPED: {
        None: "a user cleared it",
        _S.SUCCESS: "a user said so",
        _S.FAILED: "a user said so",
        _S.REMOVED: "its task is mapped over fewer items now",
    },
    _S.UPSTREAM_FAILED: {
        None: "a user cleared it",
        _S.SUCCESS: "a user said so",
        _S.FAILED: "a user said so",
        _S.REMOVED: "its task is mapped over fewer items now",
    },
    _S.REMOVED: {None: "its DAG has the task again"},
}
"""From -> to -> why. An edge that is not here does not exist."""

RUN_TRANSITIONS: dict[DagRunState, dict[DagRunState, str]] = {
    DagRunState.QUEUED: {
        DagRunState.RUNNING: "the DAG has fewer active runs than it may",
        DagRunState.SUCCESS: "a user said so",
        DagRunState.FAILED: "a user said so, or it timed out",
    },
    DagRunState.RUNNING: {
        DagRunState.SUCCESS: "all leaves ended well",
        DagRunState.FAILED: "a leaf failed, it timed out, or a user said so",
        DagRunState.QUEUED: "a user cleared it",
    },
    DagRunState.SUCCESS: {DagRunState.QUEUED: "a user cleared it", DagRunState.FAILED: "a user said so"},
    DagRunState.FAILED: {DagRunState.QUEUED: "a user cleared it", DagRunState.SUCCESS: "a user said so"},
}
