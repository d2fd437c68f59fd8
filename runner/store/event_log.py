"""Who did what, and when: one row for every action of a person, in the transaction of the action."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from runner.store.listing_page import Orders, Page, Window, between, fetch_page, matches, starts
from runner.store.schema import event_log

SCHEDULER = "scheduler"
"""The owner of what the engine does of its own accord."""
_TEXTS = ("dag_id", "task_id", "run_id", "owner", "event")


@dataclass(frozen=True, slots=True)
class Entry:
    """One action. `extra` is JSON text without secrets."""

    event: str
    owner: str | None
    dag_id: str | None = None
    task_id: str | None = None
    run_id: str | None = None
    map_index: int | None = None
    try_number: int | None = None
    logical_date: float | None = None
    extra: str | None = None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which entries: `equal` and `patterns` by column; `prefixes` likewise; `bounds` of the time."""

    equal: dict[str, Any]
    patterns: dict[str, str | None]
    prefixes: dict[str, str | None]
    bounds: dict[str, float | None]
    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


def note(conn: sa.Connection, entry: Entry, now: float) -> None:
    """Write an entry."""
    conn.execute(event_log.insert(), {"at": now, **asdict(entry)})


def find_entry(conn: sa.Connection, key: int) -> Any:
    """An entry's row, or None."""
    return conn.execute(sa.select(event_log).where(event_log.c.id == key)).first()


def list_entries(conn: sa.Connection, wanted: EventFilter, window: Window) -> Page:
    """The entries that the filter lets through. Raises UnknownOrder."""
    c = event_log.c
    conditions = [c[name] == value for name, value in wanted.equal.items() if value is not None]
    for name in _TEXTS:
        conditions += matches(c[name], wanted.patterns.get(name)) + starts(c[name], wanted.prefixes.get(name))
    conditions += between(c.at, wanted.bounds)
    if wanted.included:
        conditions.append(c.event.in_(wanted.included))
    if wanted.excluded:
        conditions.append(c.event.not_in(wanted.excluded))
    names = ("dag_id", "task_id", "run_id", "event", "logical_date", "owner", "extra", "id")
    columns = {name: c[name] for name in names} | {"when": c.at, "dttm": c.at, "event_log_id": c.id}
    return fetch_page(conn, sa.select(event_log).where(*conditions), window, Orders(columns, c.id))
