"""Promises about runs and tasks: written with the run, looked at when they fall due."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa

from runner.domain.deadlines import Due, NewRunFacts, is_missed, list_asked, plan_deadlines
from runner.domain.spec import DagSpec
from runner.store.callbacks import REFERENCE, NewCallback, put_callbacks
from runner.store.schema import dag_run, deadline, task_instance


class RunFacts(Protocol):
    """What is asked of a new run."""

    @property
    def dag_id(self) -> str: ...
    @property
    def run_type(self) -> str: ...
    @property
    def logical_date(self) -> float | None: ...
    @property
    def interval_end(self) -> float | None: ...
    @property
    def queued_at(self) -> float: ...


class Missed(NamedTuple):
    """A broken promise. `task_id` is empty for a run's own; `number`: place among the DAG's deadlines."""

    id: int
    run: int
    dag_id: str
    task_id: str
    name: str
    at: float
    number: int


def put_deadlines(conn: sa.Connection, key: int, spec: DagSpec, run: RunFacts) -> None:
    """Write the promises of a run that has just been made."""
    facts = NewRunFacts(run.logical_date, run.interval_end, run.queued_at, run.run_type == "scheduled")
    found = plan_deadlines(spec, facts, lambda most: _list_durations(conn, run.dag_id, most))
    rows: list[dict[str, Any]] = [
        {"run": key, "task_id": due.task_id, "name": due.name, "at": due.at, "callback": str(due.number)}
        for due in found
    ]
    if rows:
        conn.execute(deadline.insert(), rows)
    asked = list_asked(spec)
    if asked:
        about = {"reason": "its run was made", "state": "queued"}
        wanted = [
            {**about, **{name: item[name] for name in ("number", "name", "interval")}} for item in asked
        ]
        calls = [NewCallback(REFERENCE, run.dag_id, key, data) for data in wanted]
        put_callbacks(conn, calls, run.queued_at)


def put_due(conn: sa.Connection, run: int, due: Due) -> None:
    """Write a promise of a run that is known later than the run."""
    row = {"run": run, "task_id": due.task_id, "name": due.name, "at": due.at, "callback": str(due.number)}
    conn.execute(deadline.insert(), [row])


def list_missed(conn: sa.Connection, now: float) -> list[Missed]:
    """Promises that fell due and were not kept, and that nobody has been told of."""
    joined = deadline.join(dag_run, dag_run.c.id == deadline.c.run).outerjoin(
        task_instance,
        sa.and_(task_instance.c.run == deadline.c.run, task_instance.c.task_id == deadline.c.task_id),
    )
    query = (
        sa.select(deadline, dag_run.c.dag_id, dag_run.c.end_date, task_instance.c.end_date.label("task_end"))
        .select_from(joined)
        .where(deadline.c.missed_at.is_(None), deadline.c.at <= now)
        .order_by(deadline.c.id)
    )
    found: dict[int, Missed] = {}
    for row in conn.execute(query):
        ended = row.task_end if row.task_id else row.end_date
        if is_missed(row.at, ended):
            found[row.id] = Missed(
                row.id, row.run, row.dag_id, row.task_id, row.name, row.at, int(row.callback)
            )
    return list(found.values())


def settle(conn: sa.Connection, missed: list[int], now: float) -> None:
    """The ones that were missed are marked; all others that have fallen due were kept and are forgotten."""
    conn.execute(deadline.update().where(deadline.c.id.in_(missed)).values(missed_at=now))
    conn.execute(deadline.delete().where(deadline.c.missed_at.is_(None), deadline.c.at <= now))


def has_due(conn: sa.Connection, now: float) -> bool:
    """Has any fallen due?"""
    query = sa.select(deadline.c.id).where(deadline.c.missed_at.is_(None), deadline.c.at <= now)
    return conn.execute(query.limit(1)).first() is not None


def _list_durations(conn: sa.Connection, dag_id: str, most: int) -> list[float]:
    """How long the newest good runs took, in seconds."""
    query = (
        sa.select(dag_run.c.end_date - dag_run.c.start_date)
        .where(dag_run.c.dag_id == dag_id, dag_run.c.state == "success", dag_run.c.start_date.is_not(None))
        .order_by(dag_run.c.end_date.desc())
        .limit(most)
    )
    return [float(row[0]) for row in conn.execute(query)]
