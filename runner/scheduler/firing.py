"""What becomes of a deferred task when its trigger fires, fails or takes too long. A stale event changes nothing."""

from __future__ import annotations

import json
from typing import Any

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.domain.states import TaskInstanceState
from runner.scheduler import reports
from runner.scheduler.deferrals import get_box
from runner.scheduler.frontier import Frontier
from runner.scheduler.instances import Task
from runner.store.hitl import Response

_S = TaskInstanceState
_ENDS = frozenset({"success", "failed", "skipped"})


def note_event(frontier: Frontier, link: int, message: Message, now: float, retry: bool) -> None:
    """A trigger fired or failed. `retry`: a task that it ends as failed may have another try."""
    token = message["id"]
    frontier.changes.event_acks.setdefault(link, []).append(token)
    task = frontier.waiting.tasks.get(token)
    if task is None:
        return
    end = message.get("end")
    if message.get("error") is not None:
        _resume(frontier, task, now, error={"error": "failure", "traceback": message["error"]})
    elif end and end.get("state") in _ENDS:
        outcome = messages.outcome(
            end["state"],
            started_at=task.start_date,
            ended_at=now,
            reason="its trigger ended it",
            retry=retry,
            xcoms=end.get("xcoms"),
        )
        reports.apply_outcome(frontier, task, outcome, now)
    else:
        _resume(frontier, task, now, event=message.get("event"))
    frontier.changes.cancels.remove(token)  # it is over there already


def time_out(frontier: Frontier, task: Task, now: float) -> None:
    """The task has waited for as long as it may: it goes on, to fail."""
    if task.state is not _S.DEFERRED or task.next_at is None or task.next_at > now:
        return
    if task.deferral is not None and task.deferral.classpath == messages.AWAITING_INPUT:
        _take_defaults(frontier, task, now)
    else:
        _resume(frontier, task, now, error={"error": "timeout", "traceback": None})


def _take_defaults(frontier: Frontier, task: Task, now: float) -> None:
    """Nobody answered in time: what counts then is known since the task asked."""
    assert task.deferral is not None  # noqa: S101 - it is deferred
    given = json.loads(get_box(frontier).open(task.deferral.kwargs))
    if given["defaults"] is None:
        late = "The timeout has passed, and the response has not yet been received."
        _resume(frontier, task, now, event={"error": late, "error_type": "timeout"})
        return
    response = Response(given["defaults"], given["params_input"], None, now)
    frontier.changes.responses[task.id] = response
    _resume(frontier, task, now, event=response.to_event())


def _resume(
    frontier: Frontier, task: Task, now: float, event: Any = None, error: Message | None = None
) -> None:
    """The task waits for a slot, to go on with its try."""
    deferral = task.deferral
    if deferral is None:
        return
    if error is not None:
        deferral.error = json.dumps(error).replace("\\u0000", "")
    else:
        deferral.event = get_box(frontier).seal(json.dumps(event))
    frontier.changes.deferrals[task.id] = deferral
    frontier.move(task, _S.SCHEDULED)
    task.scheduled_at, task.next_at = now, None
    frontier.queue.add(task.demand)
