"""The cell's processes as their rows say: for /jobs, health and the status page."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from runner.store.schema import process


def list_processes(conn: sa.Connection) -> list[sa.Row[Any]]:
    """Every process that has a row, oldest first."""
    return list(conn.execute(sa.select(process).order_by(process.c.started_at, process.c.id)))
