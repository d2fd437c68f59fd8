"""Moving runs to the newest version of their DAG. Post RunChanged for each of them afterwards."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from runner.domain.spec import DagSpec, TaskSpec
from runner.domain.states import LIVE, TERMINAL, TaskInstanceState
from runner.store.dags import Runnable, find_runnable
from runner.store.runs import REFRESHED, note_edits, plan_instances
from runner.store.schema import dag_run, task_instance
from runner.store.triggers import drop_deferrals

_REMOVED = str(TaskInstanceState.REMOVED)
_GONE = "the version that its run was moved to does not have it"
_CHUNK = 500  # bound parameters per statement are limited


def move_to_newest(conn: sa.Connection, runs: Collection[int], now: float) -> list[int]:
    """Pin runs to the newest version and snapshot of their DAG; the keys of those that changed.

    New tasks get their instances, those gone become REMOVED, and a task that is back begins anew. An attempt that
    runs goes on with the code that it began with, unless its task is gone: then it is told to stop.
    """
    found: dict[str, Runnable | None] = {}
    moved = []
    for key in runs:
        run = conn.execute(sa.select(dag_run).where(dag_run.c.id == key)).one()
        if run.dag_id not in found:
            found[run.dag_id] = find_runnable(conn, run.dag_id)
        newest = found[run.dag_id]
        if newest is None or (run.version_id, run.bundle) == (newest.version_id, newest.bundle):
            continue
        pinned = {"version_id": newest.version_id, "bundle": newest.bundle}
        conn.execute(dag_run.update().where(dag_run.c.id == key).values(pinned))
        if run.version_id != newest.version_id:
            _fit(conn, run, newest.spec, now)
        moved.append(key)
    note_edits(conn, moved)
    return moved


def list_new_tasks(conn: sa.Connection, run: int, spec: DagSpec) -> list[str]:
    """The tasks of a version that a run has no instance of."""
    query = sa.select(task_instance.c.task_id).where(task_instance.c.run == run).distinct()
    known = set(conn.execute(query).scalars())
    return sorted(task.task_id for task in spec.tasks if task.task_id not in known)


def _fit(conn: sa.Connection, run: Any, spec: DagSpec, now: float) -> None:
    """Give a run the instances that a version of its DAG has."""
    tasks = {task.task_id: task for task in spec.tasks}
    rows = conn.execute(sa.select(task_instance).where(task_instance.c.run == run.id)).all()
    gone = {row.id for row in rows if not _fits(tasks.get(row.task_id), row.map_index)}
    back = [row.id for row in rows if row.state == _REMOVED and row.id not in gone]
    left = [row.id for row in rows if row.id in gone and row.state != _REMOVED]
    _update(conn, left, {"state": _REMOVED, "end_date": now, "next_at": None, "reason": _GONE})
    _update(conn, back, {"state": None, "end_date": None, "start_date": None, "reason": None})
    drop_deferrals(conn, gone)
    kept = {row.task_id for row in rows if row.id not in gone}
    planned = plan_instances(run.id, run.dag_id, run.run_id, spec)
    new = [row for row in planned if row["task_id"] not in kept]
    if new:
        conn.execute(task_instance.insert(), new)
    _refresh(conn, run.id, [row for row in planned if row["task_id"] in kept])


def _fits(task: TaskSpec | None, map_index: int) -> bool:
    return task is not None and (task.lengths is not None or map_index < 0)


def _update(conn: sa.Connection, ids: Sequence[int], values: dict[str, Any]) -> None:
    for start in range(0, len(ids), _CHUNK):
        some = task_instance.c.id.in_(ids[start : start + _CHUNK])
        conn.execute(task_instance.update().where(some).values(values))


def _refresh(conn: sa.Connection, run: int, planned: list[dict[str, Any]]) -> None:
    """Instances that are neither over nor under way take their limits from the version."""
    t = task_instance.c
    unsettled = sa.and_(*(t.state != str(state) for state in TERMINAL | LIVE))
    open_rows = (t.run == run, t.task_id == sa.bindparam("of_task"))
    idle = sa.or_(t.state.is_(None), unsettled)
    change = task_instance.update().where(*open_rows, idle)
    rows = {row["task_id"]: row for row in planned}
    names = (*REFRESHED, "max_tries")
    values = [{"of_task": name, **{f"to_{key}": row[key] for key in names}} for name, row in rows.items()]
    if values:
        changed: dict[str, Any] = {key: sa.bindparam(f"to_{key}") for key in REFRESHED}
        tries = t.try_number + sa.bindparam("to_max_tries", type_=sa.Integer)
        changed["max_tries"] = sa.case((t.state.is_(None), tries), else_=t.max_tries)
        conn.execute(change.values(changed), values)
