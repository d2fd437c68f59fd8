"""Backfills: made with all of their runs in one transaction, held, resumed, cancelled, and complete.

Post RunCreated for each run that `create` made, RunChanged for each that it or `cancel` changed, and DagsChanged when
a backfill is paused or resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from airflow._wire import encoding

from runner.domain.backfills import IN_FLIGHT, BackfillPlan, find_obstacle
from runner.domain.partitions import find_partition
from runner.domain.states import RUN_TERMINAL, DagRunState
from runner.domain.timetables import RunInfo
from runner.store.dags import Runnable
from runner.store.listing_page import Orders, Page, Window, fetch_page
from runner.store.runs import (
    BACKFILL,
    NewRun,
    RunExists,
    complete_backfills,
    insert_run,
    make_run_id,
    move_run,
)
from runner.store.schema import backfill, backfill_run, dag_run
from runner.store.task_instances import clear, list_ids
from runner.store.versions import move_to_newest

_CANCELLED = "its backfill was cancelled"


@dataclass(frozen=True, slots=True)
class Made:
    """A new backfill: its id, and the keys of runs that are new and of runs that begin again."""

    id: int
    created: tuple[int, ...]
    changed: tuple[int, ...]


def find_unfinished(conn: sa.Connection, dag_id: str) -> int | None:
    """The DAG's backfill that is not complete; there is one at most."""
    query = sa.select(backfill.c.id).where(backfill.c.dag_id == dag_id, backfill.c.completed_at.is_(None))
    return conn.execute(query.limit(1)).scalar()


def list_obstacles(
    conn: sa.Connection, plan: BackfillPlan, infos: Sequence[RunInfo]
) -> dict[float, tuple[int, str | None]]:
    """Logical date -> the run that is there already, and why it is left alone."""
    first, last = min(i.logical_date for i in infos), max(i.logical_date for i in infos)
    query = sa.select(dag_run.c.id, dag_run.c.state, dag_run.c.logical_date).where(
        dag_run.c.dag_id == plan.dag_id, dag_run.c.logical_date.between(first, last)
    )
    return {
        row.logical_date: (row.id, find_obstacle(DagRunState(row.state), plan.reprocess_behavior))
        for row in conn.execute(query)
    }


def create(
    conn: sa.Connection,
    plan: BackfillPlan,
    infos: Sequence[RunInfo],
    runnable: Runnable,
    user: str | None,
    now: float,
) -> Made:
    """Make a backfill and its runs, all queued; runs there already begin again or are left alone, as asked."""
    values = {
        "dag_id": plan.dag_id,
        "from_date": plan.from_date,
        "to_date": plan.to_date,
        "conf": encoding.dumps(plan.conf or {}),
        "reprocess_behavior": plan.reprocess_behavior,
        "run_backwards": plan.run_backwards,
        "max_active_runs": plan.max_active_runs,
        "triggering_user": user,
        "created_at": now,
        "updated_at": now,
    }
    key: int = conn.execute(backfill.insert().returning(backfill.c.id), values).scalar_one()
    there = list_obstacles(conn, plan, infos)
    created, changed, rows = [], [], []
    for position, info in enumerate(infos, 1):
        run, reason = there.get(info.logical_date, (None, None))
        if run is None:
            run = _insert(conn, plan, key, info, runnable, user, now)
            created += [run] if run is not None else []
            reason = IN_FLIGHT if run is None else None
        elif reason is None:
            _take_over(conn, plan, key, run, now)
            changed.append(run)
        held = run if reason is None else None
        place = {"backfill": key, "position": position, "logical_date": info.logical_date}
        rows.append({**place, "run": held, "reason": reason})
    conn.execute(backfill_run.insert(), rows)
    complete_backfills(conn, [key], now)
    return Made(key, tuple(created), tuple(changed))


def _insert(
    conn: sa.Connection,
    plan: BackfillPlan,
    key: int,
    info: RunInfo,
    runnable: Runnable,
    user: str | None,
    now: float,
) -> int | None:
    part, date = find_partition(runnable.spec.timetable, BACKFILL, info.run_after) or (None, None)
    run = NewRun(
        dag_id=plan.dag_id,
        run_id=make_run_id(BACKFILL, info.logical_date, info.run_after),
        run_type=BACKFILL,
        logical_date=info.logical_date,
        interval_start=info.interval_start,
        interval_end=info.interval_end,
        run_after=info.run_after,
        queued_at=now,
        conf=encoding.dumps(plan.conf or {}),
        triggered_by=BACKFILL,
        triggering_user=user,
        backfill=key,
        partition_key=part,
        partition_date=date,
    )
    try:
        return insert_run(conn, run, runnable.version_id, runnable.bundle, runnable.spec)
    except RunExists:
        return None


def _take_over(conn: sa.Connection, plan: BackfillPlan, key: int, run: int, now: float) -> None:
    """Let an ended run begin again as one of the backfill's."""
    if plan.run_on_latest:
        move_to_newest(conn, [run], now)
    clear(conn, list_ids(conn, run), now)
    state = conn.execute(sa.select(dag_run.c.state).where(dag_run.c.id == run)).scalar_one()
    if DagRunState(state) in RUN_TERMINAL:  # it has no tasks
        move_run(conn, run, DagRunState(state), DagRunState.QUEUED, now)
    values: dict[str, Any] = {"backfill": key, "run_type": BACKFILL, "triggered_by": BACKFILL}
    if plan.conf is not None:
        values["conf"] = encoding.dumps(plan.conf)
    conn.execute(dag_run.update().where(dag_run.c.id == run).values(values))


def set_paused(conn: sa.Connection, key: int, paused: bool, now: float) -> None:
    """Hold back, or let go on, the runs of a backfill that have not started; those that run go on."""
    changed = (backfill.c.id == key, backfill.c.is_paused != paused)
    conn.execute(backfill.update().where(*changed).values(is_paused=paused, updated_at=now))


def cancel(conn: sa.Connection, key: int, now: float) -> list[int]:
    """End a backfill: its queued runs fail, those that run go on. The keys of the runs that failed."""
    query = sa.select(dag_run.c.id).where(dag_run.c.backfill == key, dag_run.c.state == "queued")
    queued = list(conn.execute(query).scalars())
    failed = [
        run for run in queued if move_run(conn, run, DagRunState.QUEUED, DagRunState.FAILED, now, _CANCELLED)
    ]
    values = {"is_paused": True, "updated_at": now, "completed_at": now}
    conn.execute(backfill.update().where(backfill.c.id == key).values(values))
    return failed


def list_next(conn: sa.Connection, key: int, active: int) -> list[int]:
    """The queued runs of a backfill that may start, in its order, when `active` of its runs are running."""
    row = conn.execute(sa.select(backfill).where(backfill.c.id == key)).first()
    if row is None or (row.is_paused and row.completed_at is None) or active >= row.max_active_runs:
        return []
    place = backfill_run.join(dag_run, dag_run.c.id == backfill_run.c.run)
    query = (
        sa.select(dag_run.c.id)
        .select_from(place)
        .where(backfill_run.c.backfill == key, dag_run.c.backfill == key, dag_run.c.state == "queued")
        .order_by(backfill_run.c.position)
        .limit(row.max_active_runs - active)
    )
    return list(conn.execute(query).scalars())


def find_backfill(conn: sa.Connection, key: int) -> Any:
    """A backfill's row, or None."""
    return conn.execute(sa.select(backfill).where(backfill.c.id == key)).first()


def list_backfills(conn: sa.Connection, dag_id: str, window: Window) -> Page:
    """The backfills of a DAG. Raises UnknownOrder."""
    wanted = sa.select(backfill).where(backfill.c.dag_id == dag_id)
    return fetch_page(conn, wanted, window, Orders({"id": backfill.c.id}, backfill.c.id))
