"""DAG runs: making one with all its task instances, and moving it from state to state."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from runner.domain.graph import build, resolve_priorities
from runner.domain.mapping import find_literal_count
from runner.domain.spec import DagSpec, TaskSpec, read_dag
from runner.domain.states import RUN_TERMINAL, RUN_TRANSITIONS, DagRunState
from runner.store.deadlines import put_deadlines
from runner.store.schema import backfill, dag_run, task_instance, xcom

SCHEDULED, MANUAL, BACKFILL = "scheduled", "manual", "backfill"
OPERATOR_TRIGGERED = "operator_triggered"
"""The type of a run that another run's task started: in 3.x; before, such a run is a manual one."""
REFRESHED = ("operator", "pool", "pool_slots", "priority_weight", "queue")
"""What a task instance that begins anew takes from its task."""
_UNFINISHED = [str(state) for state in DagRunState if state not in RUN_TERMINAL]


def make_run_id(run_type: str, logical: float | None, run_after: float) -> str:
    """Airflow's form, `manual__<date>`; with some random letters when there is no logical date to make it unique."""
    text = dt.datetime.fromtimestamp(run_after if logical is None else logical, dt.UTC).isoformat()
    return f"{run_type}__{text}" if logical is not None else f"{run_type}__{text}_{secrets.token_hex(4)}"


class RunExists(ValueError):
    """The DAG has a run of that id or of that logical date already."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be made. Times are epoch seconds; `conf` is the text that `encoding.dumps` wrote."""

    dag_id: str
    run_id: str
    run_type: str
    logical_date: float | None
    interval_start: float | None
    interval_end: float | None
    run_after: float
    queued_at: float
    conf: str = "{}"
    note: str | None = None
    triggered_by: str = "scheduler"
    triggering_user: str | None = None
    backfill: int | None = None
    partition_key: str | None = None
    partition_date: float | None = None


def insert_run(
    conn: sa.Connection,
    run: NewRun,
    version_id: int,
    bundle: str,
    serialized_dag: Mapping[str, Any] | DagSpec,
) -> int:
    """Make a queued run and its task instances, all without a state; the run's key. Raises RunExists and BadDeadline.

    Everything happens in the caller's transaction, which stays usable after RunExists.
    """
    spec = serialized_dag if isinstance(serialized_dag, DagSpec) else read_dag(serialized_dag)
    values = {**asdict(run), "state": str(DagRunState.QUEUED), "version_id": version_id, "bundle": bundle}
    try:
        with conn.begin_nested():
            key = conn.execute(dag_run.insert().returning(dag_run.c.id), values).scalar_one()
    except IntegrityError as error:
        if "UNIQUE" not in str(error.orig).upper():
            raise
        raise RunExists(_describe_clash(run)) from None
    rows = plan_instances(key, run.dag_id, run.run_id, spec)
    if rows:
        conn.execute(task_instance.insert(), rows)
    if spec.has_promises:
        put_deadlines(conn, key, spec, run)
    return int(key)


def move_run(
    conn: sa.Connection,
    key: int,
    source: DagRunState,
    target: DagRunState,
    now: float,
    reason: str | None = None,
    edits: int | None = None,
) -> bool:
    """Move a run from one state to another; False when it is not in `source` any more.

    `edits`: as many as the caller knows of. A person who changed its tasks meanwhile must not be passed over.
    """
    if target not in RUN_TRANSITIONS[source]:
        raise ValueError(f"cannot move a run from {source} to {target}: there is no such step")
    values: dict[str, Any] = {"state": str(target), "reason": reason, "end_date": None}
    if target == DagRunState.RUNNING:
        values["start_date"] = sa.func.coalesce(dag_run.c.start_date, now)
    if target == DagRunState.QUEUED:
        values |= {"queued_at": now, "start_date": None}
    if target in RUN_TERMINAL:
        values["end_date"] = now
    change = dag_run.update().where(dag_run.c.id == key, dag_run.c.state == str(source)).values(values)
    if edits is not None:
        change = change.where(dag_run.c.edits == edits)
    moved = conn.execute(change.returning(dag_run.c.backfill)).first()
    if moved is not None and moved.backfill is not None and target in RUN_TERMINAL:
        complete_backfills(conn, [moved.backfill], now)
    return moved is not None


def note_edits(conn: sa.Connection, keys: Collection[int]) -> None:
    """A person has changed tasks of these runs."""
    conn.execute(dag_run.update().where(dag_run.c.id.in_(list(keys))).values(edits=dag_run.c.edits + 1))


def drop_partitions(conn: sa.Connection, keys: Sequence[int]) -> None:
    """Let these runs be about no partition. Post RunChanged for each of them afterwards."""
    for start in range(0, len(keys), 500):
        some = dag_run.c.id.in_(keys[start : start + 500])
        conn.execute(dag_run.update().where(some).values(partition_key=None, partition_date=None))


def complete_backfills(conn: sa.Connection, keys: Collection[int], now: float) -> None:
    """Note of those of these backfills that have no unfinished run that they are complete."""
    left = sa.exists().where(dag_run.c.backfill == backfill.c.id, dag_run.c.state.in_(_UNFINISHED))
    ended = (backfill.c.id.in_(list(keys)), backfill.c.completed_at.is_(None), ~left)
    conn.execute(backfill.update().where(*ended).values(completed_at=now, updated_at=now))


def delete_run(conn: sa.Connection, key: int) -> bool:
    """Delete a run with its task instances, their tries and XComs. Post RunChanged afterwards."""
    row = conn.execute(sa.select(dag_run.c.dag_id, dag_run.c.run_id).where(dag_run.c.id == key)).first()
    if row is None:
        return False
    conn.execute(xcom.delete().where(xcom.c.dag_id == row.dag_id, xcom.c.run_id == row.run_id))
    conn.execute(dag_run.delete().where(dag_run.c.id == key))
    return True


def count_unfinished(conn: sa.Connection, dag_ids: Sequence[str]) -> dict[str, int]:
    """How many queued and running runs each of these DAGs has, without backfills; DAGs without any are left out."""
    query = (
        sa.select(dag_run.c.dag_id, sa.func.count())
        .where(
            dag_run.c.state.in_(_UNFINISHED),
            dag_run.c.dag_id.in_(dag_ids),
            dag_run.c.run_type != BACKFILL,
        )
        .group_by(dag_run.c.dag_id)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def plan_instances(key: int, dag_id: str, run_id: str, spec: DagSpec) -> list[dict[str, Any]]:
    """The task instances that a new run has, as rows."""
    graph = build(spec.tasks)
    return [
        {
            "run": key,
            "dag_id": dag_id,
            "run_id": run_id,
            "task_id": task.task_id,
            "map_index": map_index,
            "max_tries": task.retries + 1,
            "operator": task.operator,
            "pool": task.pool,
            "pool_slots": task.pool_slots,
            "priority_weight": priority,
            "queue": task.queue,
        }
        for task, priority in zip(graph.tasks, resolve_priorities(graph), strict=True)
        for map_index in list_indexes(task)
    ]


def list_indexes(task: TaskSpec) -> Iterable[int]:
    """The map indexes that are known from the start; a task that is to be expanded later has one row, index -1."""
    count = None if task.lengths is None else find_literal_count(task.lengths)
    return range(count) if count else (-1,)


def _describe_clash(run: NewRun) -> str:
    return (
        f"cannot make run {run.run_id!r} of DAG {run.dag_id!r}: a run of that run_id or of the same "
        "logical date exists; choose another, or clear that run to repeat it"
    )
