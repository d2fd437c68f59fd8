"""A turn's one transaction."""

from __future__ import annotations

from runner.domain.states import DagRunState
from runner.scheduler.changes import Changes, Growth
from runner.store import callbacks, deadlines, unfinished
from runner.store.asset_events import put_events
from runner.store.database import Connection
from runner.store.failing import pause_failing
from runner.store.hitl import note_response
from runner.store.runs import move_run
from runner.store.triggers import put_deferrals


class Moved(RuntimeError):
    """A row is not as it is in memory: someone else changed it. The transaction must be rolled back."""


def write(conn: Connection, changes: Changes, now: float) -> None:
    """Write what the turn decided, or raise Moved and leave it to the caller to roll back."""
    rows = [task.to_row() for task in changes.tasks.values() if not task.is_newly_scheduled]
    if rows and not unfinished.save_instances(conn, rows):
        raise Moved("a task instance is not as it was")
    waiting: dict[float | None, list[int]] = {}
    for task in changes.tasks.values():
        if task.is_newly_scheduled:
            waiting.setdefault(task.scheduled_at, []).append(task.id)
    for at, keys in waiting.items():
        if not unfinished.schedule_instances(conn, keys, at or now):
            raise Moved("a task instance is not as it was")
    for growth in changes.growths:
        _grow(conn, growth)
    if changes.labels:
        unfinished.set_labels(conn, changes.labels)
    if changes.rendered:
        unfinished.put_rendered(conn, changes.rendered)
    for move in changes.runs:
        run = move.run
        if not move_run(conn, run.key, move.source, move.target, now, move.reason, run.row.edits):
            raise Moved(f"run {run.key} is not as it was")
    _pause_failing(conn, changes, now)
    if changes.deferrals:
        put_deferrals(conn, changes.deferrals)
    for key, response in changes.responses.items():
        if not note_response(conn, key, response):
            raise Moved(f"the question of task instance {key} has been answered")
    if changes.tries:
        unfinished.put_tries(conn, changes.tries)
    if changes.dropped_xcoms:
        changes.dropped_blobs = unfinished.drop_xcoms(conn, changes.dropped_xcoms)
    if changes.xcoms:
        unfinished.put_xcoms(conn, list(changes.xcoms.values()))
    if changes.missed is not None:
        deadlines.settle(conn, [item.id for item in changes.missed], now)
    if changes.callbacks:
        callbacks.put_callbacks(conn, changes.callbacks, now)
    for step in changes.callback_moves:
        if not callbacks.move_callback(conn, step, now):
            raise Moved(f"callback {step.id} is not as it was")
        if step.due is not None:
            deadlines.put_due(conn, *step.due)
    if changes.asset_events:
        put_events(conn, [event for _run, event in changes.asset_events], now, changes.most_keys)


def _pause_failing(conn: Connection, changes: Changes, now: float) -> None:
    """Pause the DAGs that have failed as often in a row as they may."""
    for move in changes.runs:
        most = move.run.plan.spec.max_consecutive_failed_dag_runs
        if move.target is DagRunState.FAILED and most > 0:
            pause_failing(conn, move.run.dag_id, most, now)


def _grow(conn: Connection, growth: Growth) -> None:
    task = growth.pattern
    tries = task.spec.retries + 1
    made = unfinished.grow_task(conn, task.id, growth.first, growth.end, tries)
    if made is None:
        raise Moved(f"the mapped task {task.spec.task_id} is not as it was")
    growth.ids = made
