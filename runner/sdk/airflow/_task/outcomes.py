"""Which end of a task an exception means. A table: the first row that fits decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow._task.tracebacks import one_line
from airflow._wire import messages
from airflow._wire.frames import Message
from airflow.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTerminated,
    DownstreamTasksSkipped,
    NotSupported,
    TaskDeferred,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ends. `retry` False: whatever tries remain. `until`: when it is called or tried again."""

    state: str
    reason: str | None = None
    retry: bool = True
    until: float | None = None


def outcome_of(error: BaseException) -> Outcome:
    """Skipped, called again later, waiting for a trigger, failed for good, or failed."""
    match error:
        case AirflowSkipException():
            return Outcome("skipped", str(error) or "the task skipped itself")
        case AirflowRescheduleException():
            return Outcome("up_for_reschedule", str(error), until=error.reschedule_date.timestamp())
        case DownstreamTasksSkipped():
            return Outcome("success")
        case TaskDeferred():
            return Outcome("deferred")
        case AirflowFailException() | AirflowSensorTimeout() | NotSupported():
            return Outcome("failed", one_line(error), retry=False)
        case AirflowTaskTerminated():
            return Outcome("failed", str(error))
        case SystemExit():
            return Outcome("failed", f"SystemExit: the task ended the interpreter with {error.code!r}")
    return Outcome("failed", one_line(error))


def last_word(outcome: Outcome, xcoms: dict[str, Any], details: dict[str, Any]) -> Message:
    """The finish message; what a task leaves counts only when it succeeded."""
    succeeded = outcome.state == "success"
    return messages.finish(
        outcome.state,
        reason=outcome.reason,
        retry=outcome.retry,
        until=outcome.until,
        xcoms=xcoms if succeeded else {},
        details=details,
    )
