"""The safety net: every few seconds, does memory say what the database says?"""

from __future__ import annotations

from collections import Counter

from runner.scheduler.frontier import Frontier
from runner.store import unfinished
from runner.store.database import Connection


def find_strays(conn: Connection, frontier: Frontier) -> set[int]:
    """The runs that are not in memory as they are in the database: made, changed or deleted without a word."""
    stored = unfinished.list_unfinished(conn)
    known = {key: run.state.value for key, run in frontier.runs.items()}
    strays = {key for key in stored.keys() | known.keys() if stored.get(key) != known.get(key)}
    active = [run for run in frontier.runs.values() if run.instances and run.key not in strays]
    if not active:
        return strays
    counted: Counter[tuple[int, str | None]] = Counter()
    for run in active:
        counted.update((run.key, task.state.value if task.state else None) for task in run.tasks)
    rows = unfinished.count_states(conn, [run.key for run in active])
    strays |= {run for (run, _state), _number in rows.items() ^ counted.items()}
    live = unfinished.list_live(conn)
    return strays | {task.run.key for attempt, task in frontier.attempts.items() if attempt not in live}
