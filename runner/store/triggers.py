"""What deferred task instances wait for. What may be secret in a row comes in sealed and goes out sealed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from runner.store.put import put_rows
from runner.store.schema import task_instance, trigger

_CHUNK = 500  # bound parameters per statement are limited


@dataclass(slots=True)
class Deferral:
    """A row: what a task waits for or, once it fired, waited for."""

    token: str
    """Of this deferral: an event that carries another is stale."""
    classpath: str
    kwargs: str
    """Sealed JSON."""
    next_method: str
    next_kwargs: str
    """Sealed JSON."""
    timeout_at: float | None
    created_at: float
    event: str | None = None
    """Sealed JSON of what it fired with."""
    error: str | None = None
    """JSON {"error", "traceback"} when it came to nothing."""


def load_deferrals(conn: sa.Connection, run: int) -> dict[int, Deferral]:
    """Those of a run, by task instance."""
    query = sa.select(trigger).join(task_instance, task_instance.c.id == trigger.c.task_instance)
    rows = conn.execute(query.where(task_instance.c.run == run)).mappings()
    return {row["task_instance"]: _read(row) for row in rows}


def put_deferrals(conn: sa.Connection, changed: Mapping[int, Deferral | None]) -> None:
    """Write what task instances wait for; None: nothing any more."""
    drop_deferrals(conn, [key for key, deferral in changed.items() if deferral is None])
    rows = [{"task_instance": key, **asdict(item)} for key, item in changed.items() if item is not None]
    put_rows(conn, trigger, rows)


def drop_deferrals(conn: sa.Connection, task_instances: Collection[int]) -> None:
    """Forget what these wait for."""
    keys = list(task_instances)
    for start in range(0, len(keys), _CHUNK):
        conn.execute(trigger.delete().where(trigger.c.task_instance.in_(keys[start : start + _CHUNK])))


def list_waiting(conn: sa.Connection, task_instances: Iterable[int]) -> dict[int, sa.Row[Any]]:
    """Of these task instances, those that wait: the row's classpath and created_at, by task instance."""
    t = trigger.c
    query = sa.select(t.task_instance, t.classpath, t.created_at)
    waiting = t.event.is_(None) & t.error.is_(None)
    keys, found = list(task_instances), dict[int, sa.Row[Any]]()
    for start in range(0, len(keys), _CHUNK):
        some = query.where(waiting, t.task_instance.in_(keys[start : start + _CHUNK]))
        found.update({row.task_instance: row for row in conn.execute(some)})
    return found


def _read(row: sa.RowMapping) -> Deferral:
    return Deferral(**{name: value for name, value in row.items() if name != "task_instance"})
