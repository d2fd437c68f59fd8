"""What the scheduler keeps in memory and how it writes it back: unfinished runs and their task instances."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from airflow._wire.messages import SKIP_NOTE

from runner.domain.past import ENDED_WELL
from runner.domain.states import LIVE, DagRunState
from runner.store.prepared import run_many
from runner.store.put import insert_missing, put_rows
from runner.store.schema import dag_run, pool, rendered_fields, task_instance, task_try, xcom

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
    backfill: int | None = None
    edits: int = 0
    partition_key: str | None = None
    partition_date: float | None = None


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
RUN_COLUMNS = [dag_run.c[name] for name in RunRow._fields]
_INSTANCE_COLUMNS = [task_instance.c[name] for name in InstanceRow._fields]
_LOAD = sa.select(*_INSTANCE_COLUMNS).where(task_instance.c.run == sa.bindparam("run"))
_DROP_XCOMS = xcom.delete().where(
    *(xcom.c[name] == sa.bindparam(f"x_{name}") for name in ("dag_id", "run_id", "task_id", "map_index"))
)


_LABEL = (
    task_instance.update()
    .where(task_instance.c.id == sa.bindparam("key"))
    .values(map_index_label=sa.bindparam("label"))
)
_CHUNK = 500  # bound parameters per statement are limited
_COPIED = ("run", "dag_id", "run_id", "task_id", "operator", "pool", "pool_slots", "priority_weight", "queue")


def list_unfinished(conn: sa.Connection) -> dict[int, str]:
    """Every unfinished run's key and state."""
    query = sa.select(dag_run.c.id, dag_run.c.state).where(dag_run.c.state.in_(_UNFINISHED))
    return {row[0]: row[1] for row in conn.execute(query)}


def load_runs(conn: sa.Connection, keys: Collection[int] | None = None) -> list[RunRow]:
    """Unfinished runs, oldest first: all of them, or those of `keys` that are unfinished."""
    query = sa.select(*RUN_COLUMNS).where(dag_run.c.state.in_(_UNFINISHED))
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
    return run_many(conn, _SAVE, rows) == len(rows)


def schedule_instances(conn: sa.Connection, keys: Sequence[int], at: float) -> bool:
    """Let task instances that nothing has happened to wait for a slot since `at`; False when one is not so any more.

    What thousands of instances need at once, in few statements.
    """
    t, done = task_instance.c, 0
    for start in range(0, len(keys), _CHUNK):
        chosen = t.id.in_(keys[start : start + _CHUNK])
        untouched = (t.state.is_(None), t.attempt.is_(None))
        change = task_instance.update().where(chosen, *untouched).values(state="scheduled", scheduled_at=at)
        done += conn.execute(change).rowcount
    return done == len(keys)


def put_tries(conn: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep tries that are over and are followed by another; a try that is kept already stays as it is."""
    insert_missing(conn, task_try, [dict(row) for row in rows], ["task_instance", "try_number"])


def drop_xcoms(conn: sa.Connection, places: Sequence[Mapping[str, Any]]) -> list[str]:
    """Delete what earlier tries left. A place: `x_dag_id`, `x_run_id`, `x_task_id`, `x_map_index`.

    The objects that held large values: nothing refers to them any more.
    """
    blobs: list[str] = []
    gone = {(place["x_task_id"], place["x_map_index"]) for place in places}
    for dag_id, run_id in {(place["x_dag_id"], place["x_run_id"]) for place in places}:
        at = (xcom.c.dag_id == dag_id, xcom.c.run_id == run_id, xcom.c.blob.is_not(None))
        rows = conn.execute(sa.select(xcom.c.task_id, xcom.c.map_index, xcom.c.blob).where(*at))
        blobs += [row.blob for row in rows if (row.task_id, row.map_index) in gone]
    run_many(conn, _DROP_XCOMS, places)
    return blobs


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
) -> tuple[int, float] | None:
    """The run before, by logical date, with that date: the one that depends_on_past looks at."""
    if logical_date is None:
        return None
    query = sa.select(dag_run.c.id, dag_run.c.logical_date).where(
        dag_run.c.dag_id == dag_id, dag_run.c.logical_date < logical_date
    )
    if scheduled_only:
        query = query.where(dag_run.c.run_type == "scheduled")
    row = conn.execute(query.order_by(dag_run.c.logical_date.desc()).limit(1)).first()
    return None if row is None else (row[0], row[1])


def find_next_run(conn: sa.Connection, dag_id: str, logical_date: float) -> int | None:
    """The unfinished run after, by logical date."""
    query = sa.select(dag_run.c.id).where(
        dag_run.c.dag_id == dag_id,
        dag_run.c.logical_date > logical_date,
        dag_run.c.state.in_(_UNFINISHED),
    )
    return conn.execute(query.order_by(dag_run.c.logical_date).limit(1)).scalar()


def count_unmet(conn: sa.Connection, run: int) -> dict[str, int]:
    """By task that the run has, how many of its instances have not ended well in it."""
    t = task_instance.c
    ended_well = t.state.in_([str(state) for state in ENDED_WELL])
    unmet = sa.func.sum(sa.case((ended_well, 0), else_=1))
    query = sa.select(t.task_id, unmet).where(t.run == run).group_by(t.task_id)
    return {row[0]: int(row[1]) for row in conn.execute(query)}


def list_seasoned(conn: sa.Connection, dag_id: str, before: float, task_ids: Collection[str]) -> set[str]:
    """Which of these tasks some run of the DAG with an earlier logical date has."""
    joined = task_instance.join(dag_run, dag_run.c.id == task_instance.c.run)
    query = sa.select(task_instance.c.task_id).select_from(joined).distinct()
    named = (task_instance.c.task_id.in_(list(task_ids)), task_instance.c.dag_id == dag_id)
    return set(conn.execute(query.where(*named, dag_run.c.logical_date < before)).scalars())


def list_lengths(conn: sa.Connection, run: RunRow, task_id: str, key: str) -> dict[int, int | None]:
    """Map index -> how many items the task's XCom has (None: it cannot be mapped over); without those not there."""
    at = (
        xcom.c.dag_id == run.dag_id,
        xcom.c.run_id == run.run_id,
        xcom.c.task_id == task_id,
        xcom.c.key == key,
    )
    return {row[0]: row[1] for row in conn.execute(sa.select(xcom.c.map_index, xcom.c.length).where(*at))}


def list_skip_notes(conn: sa.Connection, run: RunRow) -> dict[tuple[str, int], Any]:
    """Task id and map index -> what it noted of those that it skips (`_wire.messages.SKIP_NOTE`)."""
    at = (xcom.c.dag_id == run.dag_id, xcom.c.run_id == run.run_id, xcom.c.key == SKIP_NOTE)
    query = sa.select(xcom.c.task_id, xcom.c.map_index, xcom.c.value).where(*at, xcom.c.blob.is_(None))
    return {(row[0], row[1]): json.loads(row[2]) for row in conn.execute(query)}


def grow_task(
    conn: sa.Connection, pattern: int, first: int, end: int, tries: int
) -> list[tuple[int, int]] | None:
    """Give a mapped task instances `first` up to, not including, `end`, in one statement: their (id, map index).

    They are made after the row `pattern`, which becomes index 0 if it had none. None: that row is gone.
    """
    t = task_instance.c
    numbered = sa.case((t.map_index < 0, 0), else_=t.map_index)
    if conn.execute(task_instance.update().where(t.id == pattern).values(map_index=numbered)).rowcount != 1:
        return None
    if first >= end:
        return []
    series = sa.select(sa.literal(first).label("number")).cte("series", recursive=True)
    series = series.union_all(sa.select(series.c.number + 1).where(series.c.number + 1 < end))
    copied = [t[name] for name in _COPIED]
    crossed = task_instance.join(series, sa.true())
    rows = sa.select(*copied, series.c.number, sa.literal(tries)).select_from(crossed).where(t.id == pattern)
    columns = [*_COPIED, "map_index", "max_tries"]
    made = conn.execute(task_instance.insert().from_select(columns, rows).returning(t.id, t.map_index))
    return [(row[0], row[1]) for row in made]


def put_rendered(conn: sa.Connection, fields: Mapping[int, str]) -> None:
    """Keep what became of task instances' template fields: JSON, by task instance."""
    put_rows(conn, rendered_fields, [{"task_instance": key, "fields": text} for key, text in fields.items()])


def set_labels(conn: sa.Connection, labels: Mapping[int, str]) -> None:
    """What people call task instances of mapped tasks."""
    conn.execute(_LABEL, [{"key": key, "label": label} for key, label in labels.items()])
