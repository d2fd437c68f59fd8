"""The active engine's lease: one row of `meta`, which says who reigns, in which epoch, and until when.

On PostgreSQL engines on several machines may want it. Time is the database's, so no two clocks have to agree. An
epoch never comes back: `Database.fence` has every later write of an engine look at it first, in the same transaction,
so an engine that was thought dead can commit nothing once another has begun. On SQLite the file lock of the engine's
role lets one engine be, and the lease only counts epochs.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from runner.store.database import Database
from runner.store.meta import LEASE, begin_epoch, find_fact, put_fact
from runner.store.schema import meta

SECONDS = 3.0
"""How long an engine reigns after its last word; `runner/reign.py` says three in that time."""
_CLOCK = sa.text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)")


@dataclass(frozen=True, slots=True)
class Lease:
    """Who reigns. `until` is by the database's clock."""

    epoch: int
    until: float
    holder: str

    @property
    def text(self) -> str:
        return f"{self.epoch} {self.until:.3f} {self.holder}"


def parse(text: str | None) -> Lease | None:
    """The lease in a fact's text; None when there has never been one."""
    if not text:
        return None
    epoch, until, holder = text.split(" ", 2)
    return Lease(int(epoch), float(until), holder)


def claim(db: Database, holder: str, seconds: float = SECONDS) -> int | None:
    """Begin to reign: the new epoch, or None while somebody else does.

    A holder gets its own lease back at once: whoever asks in its name has proof that the former one is dead.
    """
    if db.is_sqlite:
        with db.begin(fenced=False) as conn:
            return begin_epoch(conn)
    with db.read() as conn:
        if _is_taken(conn, find_fact(conn, LEASE), holder):
            return None  # without a lock: those who wait do not hold up who works
    with db.begin(fenced=False) as conn:
        _ensure_row(conn)
        # Waits for transactions of the former engine that are under way, and for no others.
        row = conn.execute(sa.select(meta.c.value).where(meta.c.key == LEASE).with_for_update()).scalar_one()
        if _is_taken(conn, row, holder):
            return None
        epoch = begin_epoch(conn)
        put_fact(conn, LEASE, Lease(epoch, _now(conn) + seconds, holder).text)
        return epoch


def renew(db: Database, epoch: int, holder: str, seconds: float = SECONDS) -> bool:
    """Reign on; False when somebody else does already. Nothing to do on SQLite."""
    if db.is_sqlite:
        return True
    with db.begin(fenced=False) as conn:
        text = Lease(epoch, _now(conn) + seconds, holder).text
        return _replace(conn, epoch, text)


def release(db: Database, epoch: int, holder: str) -> None:
    """Reign no more, so that the next need not wait."""
    if not db.is_sqlite:
        with db.begin(fenced=False) as conn:
            _replace(conn, epoch, Lease(epoch, 0.0, holder).text)


def _replace(conn: sa.Connection, epoch: int, text: str) -> bool:
    mine = sa.and_(meta.c.key == LEASE, meta.c.value.like(f"{epoch} %"))
    return conn.execute(meta.update().where(mine).values(value=text)).rowcount == 1


def _ensure_row(conn: sa.Connection) -> None:
    insert = sa.text("INSERT INTO meta (key, value) VALUES (:key, '') ON CONFLICT (key) DO NOTHING")
    conn.execute(insert, {"key": LEASE})


def _is_taken(conn: sa.Connection, text: str | None, holder: str) -> bool:
    lease = parse(text)
    return lease is not None and lease.holder != holder and lease.until > _now(conn)


def _now(conn: sa.Connection) -> float:
    return float(conn.execute(_CLOCK).scalar_one())
