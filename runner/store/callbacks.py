"""Callbacks that the engine has called in a process of their own: a run's end, a task that could not call its own.

pending -> queued (an attempt has it) -> success | failed; queued -> pending when its attempt was lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from runner.domain.deadlines import Due
from runner.store.schema import callback, dag, dag_file, dag_run
from runner.store.unfinished import RUN_COLUMNS, RunRow

REFERENCE = "deadline_reference"
"""The kind that asks from when a deadline of a new run counts."""
PENDING, QUEUED, SUCCESS, FAILED = "pending", "queued", "success", "failed"


@dataclass(frozen=True, slots=True)
class NewCallback:
    """One to be called. `data`: {"reason", "state", "task"?: {"task_id", "map_index", "try_number", "max_tries"}}."""

    kind: str
    dag_id: str
    run: int
    data: Mapping[str, Any]
    task_instance: int | None = None


@dataclass(frozen=True, slots=True)
class CallbackMove:
    """A step from one state to another, and what is written with it."""

    id: int
    source: str
    target: str
    values: Mapping[str, Any] = field(default_factory=dict)
    due: tuple[int, Due] | None = None
    """The deadline, of the run with that key, that the call said."""


class OpenCallback(NamedTuple):
    """A callback that has not been called to its end, and the run it belongs to."""

    id: int
    kind: str
    state: str
    attempt: str | None
    agent: str | None
    tries: int
    data: dict[str, Any]
    newest: str | None
    """The newest snapshot in which the DAG's file was in order."""
    run: RunRow


_COLUMNS = [callback.c[name] for name in ("id", "kind", "state", "attempt", "agent", "tries", "data")]


def put_callbacks(conn: sa.Connection, items: Sequence[NewCallback], now: float) -> None:
    """Write down what is to be called."""
    rows = [
        {
            "kind": item.kind,
            "dag_id": item.dag_id,
            "run": item.run,
            "task_instance": item.task_instance,
            "data": json.dumps(dict(item.data)),
            "state": PENDING,
            "created_at": now,
        }
        for item in items
    ]
    conn.execute(callback.insert(), rows)


def move_callback(conn: sa.Connection, move: CallbackMove, now: float) -> bool:
    """Move one; False when it is not in `source` any more."""
    values: dict[str, Any] = {"state": move.target, **move.values}
    if move.target in (SUCCESS, FAILED):
        values["ended_at"] = now
    where = (callback.c.id == move.id, callback.c.state == move.source)
    return conn.execute(callback.update().where(*where).values(values)).rowcount == 1


def list_open(conn: sa.Connection) -> list[OpenCallback]:
    """Every callback that is pending or queued, oldest first."""
    query = (
        sa.select(
            *_COLUMNS, dag_file.c.bundle, *(column.label(f"run_{column.name}") for column in RUN_COLUMNS)
        )
        .join(dag_run, dag_run.c.id == callback.c.run)
        .outerjoin(dag, dag.c.dag_id == dag_run.c.dag_id)
        .outerjoin(dag_file, dag_file.c.path == dag.c.file)
        .where(callback.c.state.in_([PENDING, QUEUED]))
        .order_by(callback.c.id)
    )
    return [_read(tuple(row)) for row in conn.execute(query)]


def _read(row: tuple[Any, ...]) -> OpenCallback:
    width = len(_COLUMNS)
    id, kind, state, attempt, agent, tries, data = row[:width]
    newest, run = row[width], RunRow(*row[width + 1 :])
    return OpenCallback(id, kind, state, attempt, agent, tries, json.loads(data), newest, run)
