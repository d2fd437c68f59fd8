"""A task instance's tries: how one begins, and what is kept of the one before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache

from runner.domain.slots import Limits
from runner.domain.states import TaskInstanceState
from runner.scheduler import deferrals
from runner.scheduler.elsewhere import HasBundle
from runner.scheduler.frontier import Frontier
from runner.scheduler.instances import Task

_S = TaskInstanceState


@dataclass(slots=True)
class Room:
    """How many more attempts a connected agent takes."""

    link: int
    agent: str
    free: int
    held: Collection[str] = ()
    """Attempts that it has, also those that nobody wants any more."""


def admit(
    frontier: Frontier,
    rooms: list[Room],
    limits: Limits,
    now: float,
    new_attempt: Callable[[], str],
    has_bundle: HasBundle,
) -> None:
    """Begin a try of every ready task that has a slot; the others that became ready are scheduled.

    One whose last attempt, cleared or marked by a person, has not gone from its agent yet is held back, and so is one
    whose snapshot has not come to this machine.
    """
    held, is_here = [room.held for room in rooms], cache(has_bundle)

    def must_wait(task: Task) -> bool:
        return _is_held(task.attempt, held) or not is_here(task.run.row.bundle)

    if frontier.held_back:
        _release(frontier, must_wait)
    if frontier.starting:
        start_from_triggers(frontier, limits, now, new_attempt)
    free = sum(max(0, room.free) for room in rooms)
    while demands := frontier.queue.admit(free, frontier.usage, limits):
        for demand in demands:
            task = frontier.tasks[demand.key]
            if must_wait(task):
                frontier.usage.take(demand, -1)
                frontier.held_back[task.id] = task
                continue
            free -= 1
            room = max(rooms, key=lambda r: r.free)
            room.free -= 1
            begin_try(frontier, task, room.agent, now, new_attempt())
            frontier.changes.starts.setdefault(room.link, []).append(task)
    for task in frontier.fresh:
        is_waiting = task.id in frontier.queue or task.id in frontier.held_back
        if is_waiting and task.state is not _S.SCHEDULED:
            if task.state is _S.UP_FOR_RETRY:
                close_try(frontier, task)
            frontier.move(task, _S.SCHEDULED)
            task.scheduled_at, task.next_at = now, None
    frontier.fresh.clear()


def _is_held(attempt: str | None, held: Iterable[Collection[str]]) -> bool:
    return attempt is not None and any(attempt in some for some in held)


def _release(frontier: Frontier, must_wait: Callable[[Task], bool]) -> None:
    """Let tasks wait for a slot again that nothing else holds back any more."""
    for task in list(frontier.held_back.values()):
        if not must_wait(task):
            del frontier.held_back[task.id]
            frontier.queue.add(task.demand)


def begin_try(frontier: Frontier, task: Task, agent: str, now: float, attempt: str) -> None:
    """Queue a task under a new attempt. It goes on with its try when it was rescheduled or deferred.

    A task that has a start but no end is in the middle of a try; `close_try` ends that.
    """
    _open_try(frontier, task)
    frontier.move(task, _S.QUEUED)
    task.attempt, task.agent, task.queued_at = attempt, agent, now
    task.pid = task.host = task.next_at = None
    frontier.attempts[attempt] = task


def start_from_triggers(
    frontier: Frontier, limits: Limits, now: float, new_attempt: Callable[[], str]
) -> None:
    """Begin a try of every ready task that starts by waiting for a trigger: it needs no slot and no process."""
    for task in list(frontier.starting.values()):
        wanted = task.spec.start_trigger
        if wanted is None or task.run.dag_id in limits.paused:
            continue
        _open_try(frontier, task)
        frontier.move(task, _S.DEFERRED)
        task.attempt, task.agent, task.start_date = new_attempt(), None, now
        deferrals.begin(frontier, task, wanted, now)


def _open_try(frontier: Frontier, task: Task) -> None:
    if task.state is _S.UP_FOR_RETRY:
        close_try(frontier, task)
    if task.start_date is None:
        task.try_number += 1
        task.reschedules = 0
        if task.attempt is not None:
            frontier.changes.dropped_xcoms.append(_place(task))


def close_try(frontier: Frontier, task: Task) -> None:
    """Keep what there is to say of a try that another follows."""
    kept = ("try_number", "attempt", "start_date", "end_date", "host", "pid", "reason")
    row = {"task_instance": task.id, "state": str(_S.FAILED), **{name: getattr(task, name) for name in kept}}
    frontier.changes.tries.append(row)
    task.start_date = task.end_date = task.pid = task.host = None


def _place(task: Task) -> dict[str, str | int]:
    row = task.run.row
    return {
        "x_dag_id": row.dag_id,
        "x_run_id": row.run_id,
        "x_task_id": task.spec.task_id,
        "x_map_index": task.map_index,
    }
