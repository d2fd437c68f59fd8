"""The process table: who said when that they work. For people; nothing decides by it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from runner.store.put import put_rows
from runner.store.schema import process


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process as the status page shows it."""

    id: str
    role: str
    host: str
    pid: int
    started_at: float
    heartbeat: float
    details: Mapping[str, Any] = field(default_factory=dict)


def put_processes(conn: sa.Connection, rows: Sequence[ProcessRow], forget_before: float) -> None:
    """Write the rows, and forget processes that said nothing since `forget_before`.

    A triggerer comes and goes with its triggers: one that its agent does not name any more is forgotten at once.
    """
    ended = sa.and_(
        process.c.role == "triggerer",
        process.c.host.in_([row.host for row in rows if row.role == "agent"]),
        process.c.id.not_in([row.id for row in rows]),
    )
    conn.execute(process.delete().where((process.c.heartbeat < forget_before) | ended))
    put_rows(
        conn,
        process,
        [
            {
                "id": row.id,
                "role": row.role,
                "host": row.host,
                "pid": row.pid,
                "started_at": row.started_at,
                "heartbeat": row.heartbeat,
                "details": json.dumps(row.details),
            }
            for row in rows
        ],
    )
