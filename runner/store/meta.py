"""Single facts about the cell: the epoch of its active engine, its active bundle, the mirror's last report."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.put import put_row
from runner.store.schema import meta

EPOCH = "engine_epoch"
LEASE = "engine_lease"
"""See `store.leases`; its text begins with the epoch."""


def find_fact(conn: sa.Connection, key: str) -> str | None:
    """A fact's text."""
    return conn.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar()


def put_fact(conn: sa.Connection, key: str, value: str) -> None:
    """Write a fact over what it was."""
    put_row(conn, meta, {"key": key, "value": value})


def begin_epoch(conn: sa.Connection) -> int:
    """The number of this engine's reign: one more than the last engine's."""
    epoch = int(find_fact(conn, EPOCH) or 0) + 1
    put_fact(conn, EPOCH, str(epoch))
    return epoch
