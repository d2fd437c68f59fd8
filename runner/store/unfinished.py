"""What the scheduler keeps in memory and how it writes it back: unfinished runs and their task instances."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from runner.domain.states import LIVE, DagRunState
from runner.store.put import insert_missing, put_rows
from runner.store.schema import dag_run, pool, task_instance, task_try, xcom

_UNFINISHED = [str(DagRunState.QUEUED), str(DagRunState.RUNNING)]


class RunRow(NamedTuple):
    """An unfinished run, by its columns."""

    id: int
    dag_id: str
    run_id: str
    run_type: str
    state: str
    logical_date: float | None
    interval_start: float | None
    interval_end: float | None
    run_after: float
    conf: str
    triggered_by: str
    version_id: int
    bundle: str
    queued_at: float
    start_date: float | None


class InstanceRow(NamedTuple):
    """A task instance of an unfinished run, by its columns."""

    id: int
    run: int
    task_id: str
    map_index: int
    state: str | None
    try_number: int
    max_tries: int
    attempt: str | None
    agent: str | None
    pool: str
    pool_slots: int
    priority_weight: int
    queue: str
    scheduled_at: float | None
    queued_at: float | None
    start_date: float | None
    end_date: float | None
    next_at: float | None
    pid: int | None
    host: str | None
    reason: str | None
    reschedules: int


CHANGEABLE = (
    "state",
    "try_number",
    "attempt",
    "agent",
    "scheduled_at",
    "queued_at",
    "start_date",
    "end_date",
    "next_at",
    "pid",
    "host",
    "reason",
    "reschedules",
)
"""The columns that the scheduler writes."""

_SAVE = (
    task_instance.update()
    .where(
        task_instance.c.id == sa.bindparam("key"),
        task_instance.c.state.is_not_distinct_from(sa.bindparam("from_state", type_=sa.String)),
        task_instance.c.attempt.is_not_distinct_from(sa.bindparam("from_attempt", type_=sa.String)),
    )
    .values({name: sa.bindparam(f"to_{name}") for name in CHANGEABLE})
)
_RUN_COLUMNS = [dag_run.c[name] for name in RunRow._fields]
_INSTANCE_COLUMNS = [task_instance.c[name] for name in InstanceRow._fields]
_LOAD = sa.select(*_INSTANCE_COLUMNS).where(task_instance.c.run == sa.bindparam("run"))
_DROP_XCOMS = xcom.delete().where(
    *(xcom.c[name] == sa.bindparam(f"x_{name}") for name in ("dag_id", "run_id", "task_id", "map_index"))
)


def list_unfinished(conn: sa.Connection) -> dict[int, str]:
    """Every unfinished run's key and state."""
    query = sa.select(dag_run.c.id, dag_run.c.state).where(dag_run.c.state.in_(_UNFINISHED))
    return {row[0]: row[1] for row in conn.execute(query)}


def load_runs(conn: sa.Connection, keys: Collection[int] | None = None) -> list[RunRow]:
    """Unfinished runs, oldest first: all of them, or those of `keys` that are unfinished."""
    query = sa.select(*_RUN_COLUMNS).where(dag_run.c.state.in_(_UNFINISHED))
    if keys is not None:
        query = query.where(dag_run.c.id.in_(list(keys)))
    return [RunRow(*row) for row in conn.execute(query.order_by(dag_run.c.run_after, dag_run.c.id))]


def load_instances(conn: sa.Connection, run: int) -> list[InstanceRow]:
    """The task instances of a run."""
    return [InstanceRow(*row) for row in conn.execute(_LOAD, {"run": run})]


def save_instances(conn: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Write changed task instances, each only if it is still as it was; False when one is not.

    A row: `key`, `from_state`, `from_attempt`, and `to_<column>` for every column in CHANGEABLE.
    """
    return conn.execute(_SAVE, rows).rowcount == len(rows)


def put_tries(conn: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep tries that are over and are followed by another; a try that is kept already stays as it is."""
    insert_missing(conn, task_try, [dict(row) for row in rows], ["task_instance", "try_number"])


def drop_xcoms(conn: sa.Connection, places: Sequence[Mapping[str, Any]]) -> None:
    """Delete what earlier tries left. A place: `x_dag_id`, `x_run_id`, `x_task_id`, `x_map_index`."""
    conn.execute(_DROP_XCOMS, places)


def put_xcoms(conn: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Write values that tasks left: all columns of the table."""
    put_rows(conn, xcom, rows)


def list_pools(conn: sa.Connection) -> dict[str, int]:
    """Slots by pool; -1 is no limit."""
    return {row[0]: row[1] for row in conn.execute(sa.select(pool.c.name, pool.c.slots))}


def list_pools_with_deferred(conn: sa.Connection) -> frozenset[str]:
    """The pools in which deferred tasks keep their slots."""
    return frozenset(conn.execute(sa.select(pool.c.name).where(pool.c.include_deferred)).scalars())


def count_states(conn: sa.Connection, runs: Collection[int]) -> dict[tuple[int, str | None], int]:
    """How many task instances each run has in each state."""
    query = (
        sa.select(task_instance.c.run, task_instance.c.state, sa.func.count())
        .where(task_instance.c.run.in_(list(runs)))
        .group_by(task_instance.c.run, task_instance.c.state)
    )
    return {(row[0], row[1]): row[2] for row in conn.execute(query)}


def list_live(conn: sa.Connection) -> set[str]:
    """The attempts that hold a slot."""
    query = sa.select(task_instance.c.attempt).where(
        task_instance.c.state.in_([str(state) for state in LIVE])
    )
    return set(conn.execute(query).scalars())


def find_previous_run(
    conn: sa.Connection, dag_id: str, logical_date: float | None, scheduled_only: bool
) -> int | None:
    """The run before, by logical date: the one that depends_on_past looks at."""
    if logical_date is None:
        return None
    query = sa.select(dag_run.c.id).where(dag_run.c.dag_id == dag_id, dag_run.c.logical_date < logical_date)
    if scheduled_only:
        query = query.where(dag_run.c.run_type == "scheduled")
    return conn.execute(query.order_by(dag_run.c.logical_date.desc()).limit(1)).scalar()


def find_next_run(conn: sa.Connection, dag_id: str, logical_date: float) -> int | None:
    """The unfinished run after, by logical date."""
    query = sa.select(dag_run.c.id).where(
        dag_run.c.dag_id == dag_id,
        dag_run.c.logical_date > logical_date,
        dag_run.c.state.in_(_UNFINISHED),
    )
    return conn.execute(query.order_by(dag_run.c.logical_date).limit(1)).scalar()


def load_states(conn: sa.Connection, run: int) -> dict[str, str | None]:
    """State by task id of a run (unmapped tasks)."""
    query = sa.select(task_instance.c.task_id, task_instance.c.state).where(task_instance.c.run == run)
    return {row[0]: row[1] for row in conn.execute(query)}
