"""What users do to task instances: clear them, mark them, mark their run. Post RunChanged for each run afterwards.

Only rows that are still as they were read are moved, and only by steps that the state machine has; the others are
reported and stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import sqlalchemy as sa

from runner.domain.states import RUN_TERMINAL, TERMINAL, TRANSITIONS, DagRunState, TaskInstanceState
from runner.store.dags import get_version
from runner.store.put import insert_missing
from runner.store.runs import REFRESHED, move_run, note_edits, plan_instances
from runner.store.schema import dag_run, task_instance, task_try
from runner.store.triggers import drop_deferrals

_S = TaskInstanceState
_OVER = frozenset(str(state) for state in TERMINAL)
_RUNNING = ("running", "deferred", "up_for_reschedule")
_CHUNK = 500  # bound parameters per statement are limited


class Marking(Enum):
    """What becomes of the tasks of a run that a person ends."""

    ENDS_WHAT_RUNS = "as Airflow 3 does it"
    ALL_SUCCEED = "as Airflow 2 does it: all tasks of a run that is marked a success are successes"
    ENDS_ALL = "teardowns are not waited for"


@dataclass(frozen=True, slots=True)
class Moved:
    """What an operation did."""

    moved: tuple[int, ...]
    left: tuple[int, ...]
    """Task instances that could not be moved: they are in a state that has no such step, or are gone."""
    runs: tuple[int, ...]
    """Keys of the runs that changed: post RunChanged for each."""


def clear(conn: sa.Connection, ti_ids: Collection[int], now: float, reset_runs: bool = True) -> Moved:
    """Let task instances start anew, with all of their tries; a finished run of theirs becomes queued again.

    One that runs now is told to stop and starts again when its process is gone. XComs go when the new try starts.
    Without `reset_runs` a finished run stays finished, and what is cleared waits for somebody to start it again.
    """
    rows = _list_rows(conn, ti_ids)
    fresh = _plan_fresh(conn, rows)
    moved = []
    for row in rows:
        if row.state == "removed" and (row.version_id, row.task_id) not in fresh:
            continue
        state = _S(row.state) if row.state else None
        target = _S.RESTARTING if state in (_S.RUNNING, _S.RESTARTING) else None
        values = _clear_values(row, fresh.get((row.version_id, row.task_id), {}))
        if target is _S.RESTARTING:
            values = {"max_tries": values["max_tries"]}
        if state == target or _move(conn, row, target, values):
            moved.append(row)
    _keep_tries(
        conn, [row for row in moved if row.try_number and row.state not in ("running", "restarting", None)]
    )
    drop_deferrals(conn, [row.id for row in moved])
    note_edits(conn, {row.run for row in moved})
    runs = {row.run: DagRunState(row.run_state) for row in moved}
    for key, run_state in runs.items():
        if run_state in RUN_TERMINAL and reset_runs:
            move_run(conn, key, run_state, DagRunState.QUEUED, now)
    return _report(ti_ids, moved)


def set_state(
    conn: sa.Connection,
    ti_ids: Collection[int],
    target: TaskInstanceState,
    now: float,
    reason: str = "marked by a user",
) -> Moved:
    """Mark task instances as success, failed or skipped; attempts that run are told to stop."""
    if target not in (_S.SUCCESS, _S.FAILED, _S.SKIPPED):
        raise ValueError(f"cannot mark a task instance as {target}; it may be success, failed or skipped")
    values: dict[str, Any] = {"end_date": now, "next_at": None, "reason": reason}
    values["start_date"] = sa.func.coalesce(task_instance.c.start_date, now)
    moved = [row for row in _list_rows(conn, ti_ids) if _move(conn, row, target, values)]
    drop_deferrals(conn, [row.id for row in moved])
    note_edits(conn, {row.run for row in moved})
    return _report(ti_ids, moved)


def mark_run(
    conn: sa.Connection,
    key: int,
    target: DagRunState,
    now: float,
    reason: str = "marked by a user",
    rule: Marking = Marking.ENDS_WHAT_RUNS,
) -> bool:
    """End a run by hand: what runs gets the run's end, what has not begun is skipped, what is over stays.

    Teardowns are left to do their work, and while there are such the run goes on. False: it could not be ended.
    """
    row = conn.execute(sa.select(dag_run.c.state, dag_run.c.version_id).where(dag_run.c.id == key)).first()
    if row is None or target not in RUN_TERMINAL:
        return False
    state = DagRunState(row.state)
    teardowns = set() if rule is Marking.ENDS_ALL else _list_teardowns(conn, row.version_id)
    query = sa.select(task_instance.c.id, task_instance.c.state, task_instance.c.task_id)
    tasks = conn.execute(query.where(task_instance.c.run == key)).all()
    unfinished = [task for task in tasks if task.state not in _OVER]
    is_held = any(task.task_id in teardowns for task in unfinished) and state not in RUN_TERMINAL
    if not is_held and state != target and not move_run(conn, key, state, target, now, reason):
        return False
    end = _S.SUCCESS if target == DagRunState.SUCCESS else _S.FAILED
    normal = [task for task in unfinished if task.task_id not in teardowns]
    if rule is Marking.ALL_SUCCEED and end is _S.SUCCESS:
        ended = [t.id for t in tasks if t.task_id not in teardowns and t.state not in ("success", "removed")]
        set_state(conn, ended, end, now, reason)
        return True
    set_state(conn, [task.id for task in normal if task.state in _RUNNING], end, now, reason)
    set_state(conn, [task.id for task in normal if task.state == "restarting"], _S.FAILED, now, reason)
    rest = [task.id for task in normal if task.state not in (*_RUNNING, "restarting")]
    set_state(conn, rest, _S.SKIPPED, now, reason)
    return True


def _list_teardowns(conn: sa.Connection, version_id: int) -> set[str]:
    return {task.task_id for task in get_version(conn, version_id).tasks if task.is_teardown}


def list_ids(conn: sa.Connection, run: int, task_ids: Iterable[str] | None = None) -> list[int]:
    """The ids of a run's task instances: of some tasks, or of all."""
    query = sa.select(task_instance.c.id).where(task_instance.c.run == run)
    if task_ids is not None:
        query = query.where(task_instance.c.task_id.in_(list(task_ids)))
    return list(conn.execute(query).scalars())


def _list_rows(conn: sa.Connection, ti_ids: Collection[int]) -> list[Any]:
    ids = list(ti_ids)
    found: list[Any] = []
    columns = (*task_instance.c, dag_run.c.state.label("run_state"), dag_run.c.version_id)
    joined = task_instance.join(dag_run, dag_run.c.id == task_instance.c.run)
    for start in range(0, len(ids), _CHUNK):
        some = task_instance.c.id.in_(ids[start : start + _CHUNK])
        found += conn.execute(sa.select(*columns).select_from(joined).where(some)).all()
    return found


def _plan_fresh(conn: sa.Connection, rows: Iterable[Any]) -> dict[tuple[int, str], dict[str, Any]]:
    """By DAG version and task: what a fresh task instance has."""
    specs = {version: get_version(conn, version) for version in {row.version_id for row in rows}}
    return {
        (version, row["task_id"]): row
        for version, spec in specs.items()
        for row in plan_instances(0, "", "", spec)
    }


def _clear_values(row: Any, fresh: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(
        ("start_date", "end_date", "next_at", "scheduled_at", "queued_at", "pid", "host", "reason")
    )
    values |= {name: fresh[name] for name in REFRESHED if name in fresh}
    return {**values, "max_tries": row.try_number + fresh.get("max_tries", 1)}


def _move(conn: sa.Connection, row: Any, target: TaskInstanceState | None, values: dict[str, Any]) -> bool:
    source = _S(row.state) if row.state else None
    if target not in TRANSITIONS[source]:
        return False
    statement = (
        task_instance.update()
        .where(
            task_instance.c.id == row.id,
            task_instance.c.state.is_not_distinct_from(row.state),
            task_instance.c.attempt.is_not_distinct_from(row.attempt),
        )
        .values(state=None if target is None else str(target), **values)
    )
    return conn.execute(statement).rowcount == 1


def _keep_tries(conn: sa.Connection, rows: Iterable[Any]) -> None:
    kept = ("try_number", "attempt", "state", "start_date", "end_date", "host", "pid", "reason")
    tries = [{"task_instance": row.id, **{name: getattr(row, name) for name in kept}} for row in rows]
    insert_missing(conn, task_try, tries, ["task_instance", "try_number"])


def _report(asked: Iterable[int], moved: list[Any]) -> Moved:
    done = {row.id for row in moved}
    left = tuple(key for key in asked if key not in done)
    return Moved(tuple(sorted(done)), left, tuple(sorted({row.run for row in moved})))
