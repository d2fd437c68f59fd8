"""What agents report of attempts, and what that makes of their tasks. A report that is stale changes nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.domain.assets import BadAsset, read_updates
from runner.domain.decide import judge_ending
from runner.domain.mapping import explain_unmappable, measure_value
from runner.domain.states import TERMINAL, TaskInstanceState
from runner.scheduler import deferrals
from runner.scheduler.calls import want_for_task
from runner.scheduler.changes import StopOrder
from runner.scheduler.frontier import Frontier
from runner.scheduler.instances import Task
from runner.scheduler.tries import close_try
from runner.store.asset_events import NewEvent, Source

log = logging.getLogger(__name__)
_S = TaskInstanceState
LOST = "its agent does not know the attempt any more: its process was lost"


def note_started(frontier: Frontier, agent: str, host: str, message: Message) -> None:
    """An attempt's process exists. One that nobody wants any more is told to stop."""
    task = frontier.attempts.get(message["attempt"])
    if task is None or task.state is _S.RESTARTING:
        frontier.changes.stops.append(StopOrder(agent, message["attempt"], "it is not wanted any more"))
    elif task.state is _S.QUEUED:
        frontier.move(task, _S.RUNNING)
        task.pid, task.host = message["pid"], host
        task.start_date = task.start_date or message["at"]


def note_finished(frontier: Frontier, link: int, message: Message, now: float) -> None:
    """An attempt is over."""
    frontier.changes.acknowledge(link, message["attempt"])
    task = frontier.attempts.get(message["attempt"])
    if task is not None:
        apply_outcome(frontier, task, message["outcome"], now)


def apply_outcome(frontier: Frontier, task: Task, outcome: Mapping[str, Any], now: float) -> None:
    """Move a live task by its attempt's outcome, or a deferred one by its trigger's."""
    outcome = _refuse_unmappable(frontier, task, outcome)
    if outcome.get("state") == "deferred" and (fault := deferrals.find_fault(frontier, outcome)):
        outcome = {**outcome, "state": "failed", "reason": fault}
    row, ended = task.run.row, outcome["ended_at"]
    seed = f"{row.dag_id}#{row.run_id}#{task.spec.task_id}#{task.map_index}"
    restarting = task.state is _S.RESTARTING
    ending = judge_ending(task.spec, task.try_number, task.max_tries, outcome, seed, restarting)
    reason = _clean(ending.reason)
    if outcome.get("started_at") is not None and task.start_date is None:
        task.start_date = outcome["started_at"]
    _keep_xcoms(frontier, task, outcome.get("xcoms") or {}, ended)
    details = outcome.get("details") or {}
    if details.get("rendered"):
        frontier.changes.rendered[task.id] = _dump(details["rendered"]).replace("\\u0000", "")
    label = details.get("map_index_label")
    if label is not None and task.map_index >= 0:
        frontier.changes.labels[task.id] = str(_clean(str(label)))
    frontier.changes.callbacks += want_for_task(task, ending.state, outcome)
    if ending.state in TERMINAL and ending.state is not None:
        _end_task(frontier, task, ending.state, reason, outcome, now)
        return
    frontier.move(task, ending.state, reason)
    task.next_at = ending.next_at
    task.reschedules += ending.state is _S.UP_FOR_RESCHEDULE
    if restarting or ending.state is _S.UP_FOR_RETRY:
        task.end_date = ended
    if ending.state is _S.DEFERRED:
        deferrals.begin(frontier, task, outcome["details"]["deferral"], ended)
    if restarting:
        close_try(frontier, task)


def _refuse_unmappable(frontier: Frontier, task: Task, outcome: Mapping[str, Any]) -> Mapping[str, Any]:
    """The outcome; a success that left nothing to map over, though others are mapped over it, is a failure."""
    keys = task.run.plan.spread.pushed.get(task.position)
    if not keys or task.map_index >= 0 or outcome.get("state") != _S.SUCCESS:
        return outcome
    xcoms = dict(outcome.get("xcoms") or {})
    pushed = (outcome.get("details") or {}).get("pushed") or {}
    for key in sorted(keys):
        is_there = xcoms.get(key) is not None or key in pushed
        length = measure_value(xcoms[key]) if key in xcoms else pushed.get(key)
        reason = explain_unmappable(is_there, length, frontier.max_map_length)
        if reason is not None:
            xcoms.pop(key, None)
            return {**outcome, "state": "failed", "reason": reason, "xcoms": xcoms}
    return outcome


def reconcile(
    frontier: Frontier,
    link: int,
    agent: str,
    held: set[str],
    now: float,
    wanted: Callable[[str], bool] = lambda _attempt: False,
) -> None:
    """Agree with an agent that has just said what it holds.

    What was queued for it and never arrived is handed over again under the same attempt. What ran there and is not
    known there any more was lost. What it holds and nobody wants (`wanted`: what is not a task's) is told to stop.
    """
    for attempt, task in list(frontier.attempts.items()):
        if task.agent != agent:
            continue
        if attempt in held:
            if task.state is _S.RESTARTING:
                frontier.changes.stops.append(StopOrder(agent, attempt, "it was cleared"))
        elif task.state is _S.QUEUED:
            frontier.changes.starts.setdefault(link, []).append(task)
        else:
            outcome = messages.outcome(
                "failed", started_at=task.start_date, ended_at=now, reason=LOST, lost=True
            )
            apply_outcome(frontier, task, outcome, now)
    for attempt in sorted(held - frontier.attempts.keys()):
        if wanted(attempt):
            continue
        frontier.changes.stops.append(StopOrder(agent, attempt, "it is not wanted any more"))


def time_out_run(frontier: Frontier, tasks: list[Task], now: float, reason: str) -> None:
    """Skip what is unfinished of a run; what runs is told to stop."""
    for task in tasks:
        if task.state in TERMINAL:
            continue
        stop_live(frontier, task, reason)
        frontier.move(task, _S.FAILED if task.state is _S.RESTARTING else _S.SKIPPED, reason)
        task.end_date, task.next_at = now, None


def stop_live(frontier: Frontier, task: Task, reason: str) -> None:
    """Tell the agent that holds a live task to end it."""
    if task.is_live and task.agent and task.attempt:
        frontier.changes.stops.append(StopOrder(task.agent, task.attempt, reason))


def _end_task(
    frontier: Frontier,
    task: Task,
    state: TaskInstanceState,
    reason: str | None,
    outcome: Mapping[str, Any],
    now: float,
) -> None:
    frontier.move(task, state, reason)
    task.end_date, task.next_at = outcome["ended_at"], None
    if state is _S.SUCCESS and "asset_events" in (outcome.get("details") or {}):
        _note_updates(frontier, task, outcome["details"]["asset_events"])
    places = frontier.find_affected(task)
    others = _find_skipped(task, outcome)
    if state is _S.FAILED and task.run.plan.spec.fail_fast:
        frontier.drop_growths(task.run)
        others = [
            other for other in task.run.tasks if other.state not in TERMINAL and not other.spec.is_teardown
        ]
    for other in others:
        stop_live(frontier, other, "another task of its run failed")
        target = _S.FAILED if other.is_live else _S.SKIPPED
        frontier.move(other, target, f"decided by {task.spec.task_id}")
        other.end_date, other.next_at = now, None
        places += frontier.find_affected(other)
    frontier.settle(places, now)
    frontier.finish_if_over(task.run)


def _note_updates(frontier: Frontier, task: Task, said: Any) -> None:
    """Keep what a task says of its outlets. What cannot be used is left out: it undoes no success."""
    row = task.run.row
    source = Source(row.dag_id, row.run_id, task.spec.task_id, task.map_index)
    try:
        updates = read_updates(said)
    except BadAsset as error:
        log.error("%s, of %s.%s in %s", error, row.dag_id, task.spec.task_id, row.run_id)
        return
    for update in updates:
        key = row.partition_key if update.partition is None else update.partition
        date = row.partition_date if key == row.partition_key else None  # it is that of the run's partition
        frontier.changes.asset_events.append((row.id, NewEvent(update, source, key, date)))


def _find_skipped(task: Task, outcome: Mapping[str, Any]) -> list[Task]:
    """The tasks that a branch or a short circuit skips; those that have begun already are left alone.

    One that has a map index skips the instances with the same index only.
    """
    run, index = task.run, task.run.plan.graph.index
    names = (outcome.get("details") or {}).get("skip") or ()
    found: list[Task] = []
    for position in (index[name] for name in names if name in index):
        if task.map_index < 0:
            found += run.instances[position]
        elif (one := run.find_instance(position, task.map_index)) is not None:
            found.append(one)
    return [other for other in found if other.state in (None, _S.SCHEDULED) and other is not task]


def _dump(value: Any) -> str:
    """JSON text that every database takes: half a surrogate pair stays escaped."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def _clean(reason: str | None) -> str | None:
    """A reason without what databases refuse: NUL, halves of surrogate pairs. It comes from user code."""
    return None if reason is None else reason.replace("\0", "").encode("utf-8", "replace").decode()


def _keep_xcoms(frontier: Frontier, task: Task, values: Mapping[str, Any], at: float) -> None:
    row = task.run.row
    for key, value in values.items():
        frontier.changes.xcoms[task.id, key] = {
            "dag_id": row.dag_id,
            "run_id": row.run_id,
            "task_id": task.spec.task_id,
            "map_index": task.map_index,
            "key": key,
            "value": _dump(value),
            "created_at": at,
            "length": measure_value(value),
            "blob": None,
        }
