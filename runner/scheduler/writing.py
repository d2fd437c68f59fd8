"""A turn's one transaction."""

from __future__ import annotations

from runner.scheduler.changes import Changes
from runner.store import unfinished
from runner.store.asset_events import put_events
from runner.store.database import Connection
from runner.store.runs import move_run


class Moved(RuntimeError):
    """A row is not as it is in memory: someone else changed it. The transaction must be rolled back."""


def write(conn: Connection, changes: Changes, now: float) -> None:
    """Write what the turn decided, or raise Moved and leave it to the caller to roll back."""
    if changes.tasks:
        rows = [task.to_row() for task in changes.tasks.values()]
        if not unfinished.save_instances(conn, rows):
            raise Moved("a task instance is not as it was")
    for move in changes.runs:
        if not move_run(conn, move.run.key, move.source, move.target, now, move.reason):
            raise Moved(f"run {move.run.key} is not as it was")
    if changes.tries:
        unfinished.put_tries(conn, changes.tries)
    if changes.dropped_xcoms:
        unfinished.drop_xcoms(conn, changes.dropped_xcoms)
    if changes.xcoms:
        unfinished.put_xcoms(conn, list(changes.xcoms.values()))
    if changes.asset_events:
        put_events(conn, [event for _run, event in changes.asset_events], now)
