"""Snapshots that the cell knows, which of them is active, and which must be kept."""

from __future__ import annotations

import sqlalchemy as sa
from airflow._wire.states import RUN_TERMINAL

from runner.store.dag_files import is_file
from runner.store.meta import find_fact, put_fact
from runner.store.put import put_row
from runner.store.schema import bundle, dag_file, dag_run

ACTIVE = "active_bundle"
"""The fact that names the newest snapshot whose files have all been parsed."""


def activate(conn: sa.Connection, digest: str, files: int, now: float) -> None:
    """All files of the snapshot are parsed: those in order are from now on run from it."""
    if conn.execute(sa.select(bundle.c.digest).where(bundle.c.digest == digest)).first() is None:
        put_row(conn, bundle, {"digest": digest, "created_at": now, "files": files})
    conn.execute(dag_file.update().where(dag_file.c.error.is_(None)).values(bundle=digest))
    put_fact(conn, ACTIVE, digest)


def find_active(conn: sa.Connection) -> str | None:
    """The active snapshot's digest."""
    return find_fact(conn, ACTIVE)


def list_needed(conn: sa.Connection) -> set[str]:
    """Snapshots that unfinished runs are pinned to or that a file's DAGs come from, and the active one."""
    ended = [str(state) for state in RUN_TERMINAL]
    of_runs = sa.select(dag_run.c.bundle).where(dag_run.c.state.not_in(ended))
    found = set(conn.execute(sa.union(of_runs, sa.select(dag_file.c.bundle).where(is_file))).scalars())
    active = find_active(conn)
    return found | ({active} if active else set())
