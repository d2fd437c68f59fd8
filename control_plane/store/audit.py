"""The audit trail: who asked for what, and what was decided. It only grows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import Connection, insert, select

from control_plane.store.schema import audit as table


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision. Never holds a token, a secret or a configuration value."""

    at: float
    caller: str
    action: str
    resource: str
    decision: Literal["allow", "deny"]
    request_id: str
    access_key_id: str | None = None
    reason: str | None = None
    source_ip: str | None = None


def append(conn: Connection, entry: Entry) -> None:
    """Add a decision."""
    conn.execute(insert(table).values(**asdict(entry)))


def list_page(conn: Connection, after: int, limit: int) -> list[tuple[int, Entry]]:
    """Up to `limit` entries whose numbers come after `after`, oldest first, with their numbers."""
    rows = conn.execute(select(table).where(table.c.id > after).order_by(table.c.id).limit(limit))
    return [(row.id, Entry(**{key: getattr(row, key) for key in Entry.__slots__})) for row in rows]


def list_newest(conn: Connection, limit: int, decision: str | None = None) -> list[Entry]:
    """The newest entries, newest first; only refusals with decision 'deny'."""
    query = select(table).order_by(table.c.id.desc()).limit(limit)
    if decision is not None:
        query = query.where(table.c.decision == decision)
    return [Entry(**{key: getattr(row, key) for key in Entry.__slots__}) for row in conn.execute(query)]
