"""Pools: how many slots tasks may hold together, and how many they hold now."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import sqlalchemy as sa
from airflow._wire.states import TaskInstanceState

from runner.domain.spec import DEFAULT_POOL
from runner.store.listing_page import Orders, Window, fetch_page, matches, starts
from runner.store.put import put_row
from runner.store.schema import pool, task_instance

DEFAULT_SLOTS = 10_000
"""What MWAA gives the default pool; `[core] default_pool_task_slot_count` says otherwise."""
_ORDERS = Orders(
    {"id": pool.c.name, "name": pool.c.name, "pool": pool.c.name, "slots": pool.c.slots}, pool.c.name
)


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool. `slots` -1: no limit."""

    name: str
    slots: int
    description: str | None = None
    include_deferred: bool = False


_DEFAULT = Pool(DEFAULT_POOL, DEFAULT_SLOTS, "Default pool")


def find_pool(conn: sa.Connection, name: str) -> Pool | None:
    """The pool; the default pool always exists."""
    row = conn.execute(sa.select(pool).where(pool.c.name == name)).first()
    if row is None:
        return _DEFAULT if name == DEFAULT_POOL else None
    return Pool(**row._mapping)


def list_pools(
    conn: sa.Connection, window: Window, pattern: str | None = None, prefix: str | None = None
) -> tuple[list[Pool], int]:
    """A page of pools and how many there are."""
    conditions = [*matches(pool.c.name, pattern), *starts(pool.c.name, prefix)]
    page = fetch_page(conn, sa.select(pool).where(*conditions), window, _ORDERS)
    return [Pool(**row._mapping) for row in page.rows], page.total


def ensure_default_pool(conn: sa.Connection, slots: int = DEFAULT_SLOTS) -> None:
    """Write the default pool's row if nobody has; its size afterwards is the user's."""
    if conn.execute(sa.select(pool.c.name).where(pool.c.name == DEFAULT_POOL)).first() is None:
        put_row(conn, pool, asdict(replace(_DEFAULT, slots=slots)))


def put_pool(conn: sa.Connection, item: Pool) -> None:
    """Write the pool, new or not."""
    put_row(conn, pool, asdict(item))


def delete_pool(conn: sa.Connection, name: str) -> bool:
    """Whether there was one to delete."""
    return conn.execute(sa.delete(pool).where(pool.c.name == name)).rowcount > 0


def count_slots(conn: sa.Connection, names: list[str]) -> dict[str, dict[str, int]]:
    """Pool -> state -> slots that its task instances of that state ask for."""
    states = [
        str(state)
        for state in (
            TaskInstanceState.RUNNING,
            TaskInstanceState.RESTARTING,
            TaskInstanceState.QUEUED,
            TaskInstanceState.SCHEDULED,
            TaskInstanceState.DEFERRED,
        )
    ]
    t = task_instance.c
    rows = conn.execute(
        sa.select(t.pool, t.state, sa.func.sum(t.pool_slots))
        .where(t.state.in_(states), t.pool.in_(names))
        .group_by(t.pool, t.state)
    )
    counts: dict[str, dict[str, int]] = {name: {} for name in names}
    for name, state, slots in rows:
        counts[name][state] = int(slots)
    return counts
