"""What people change by hand: states of runs and tasks, clearing, notes, deleting.

Every change of state is an UPDATE that names the states it may leave (`domain.states`); rows that moved meanwhile are
left alone. The caller commits and then wakes the scheduler, which stops attempts whose rows are not theirs any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from runner.domain.states import RUN_TERMINAL, RUN_TRANSITIONS, TRANSITIONS, DagRunState, TaskInstanceState
from runner.store.runs import move_run
from runner.store.schema import dag, dag_run, dag_version, task_instance, task_try, xcom

_BATCH = 500
_ACTIVE = (TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING, TaskInstanceState.DEFERRED)
_BLANK = ("start_date", "end_date", "scheduled_at", "queued_at", "next_at", "pid", "host")


def mark_tasks(
    conn: sa.Connection, ids: Sequence[int], target: TaskInstanceState, now: float, reason: str
) -> int:
    """Set task instances to an end state; how many moved."""
    sources = [source for source, steps in TRANSITIONS.items() if target in steps]
    t = task_instance.c
    values = {
        "state": str(target),
        "start_date": sa.func.coalesce(t.start_date, now),
        "end_date": now,
        "next_at": None,
        "reason": reason,
    }
    return sum(
        conn.execute(task_instance.update().where(t.id.in_(part), _state_in(sources)).values(values)).rowcount
        for part in _parts(ids)
    )


def clear_tasks(conn: sa.Connection, ids: Sequence[int], retries: Mapping[str, int], reason: str) -> None:
    """Make task instances run again, with all their retries. What runs is stopped first, by the scheduler.

    `retries`: of the run's DAG version, by task; tasks that it does not name have none.
    """
    idle = [source for source, steps in TRANSITIONS.items() if None in steps and source != "restarting"]
    for part in _parts(ids):
        _keep_tries(conn, part)
        for ids_of_same, tries in _group_by_retries(conn, part, retries):
            _clear_part(conn, ids_of_same, tries, idle, reason)


def mark_run(conn: sa.Connection, key: int, target: DagRunState, now: float, reason: str) -> bool:
    """End a run by hand: success ends every task well, failed stops what is active and skips the rest.

    Queued starts an ended run again without touching its tasks. False when the run is in that state already.
    """
    state = DagRunState(conn.execute(sa.select(dag_run.c.state).where(dag_run.c.id == key)).scalar_one())
    if state == target or target not in RUN_TRANSITIONS[state]:
        return False
    t = task_instance.c
    open_ids = sa.select(t.id, t.state).where(t.run == key, sa.or_(t.state.is_(None), t.state != "success"))
    rows = conn.execute(open_ids).all()
    if target == DagRunState.SUCCESS:
        ids = [row.id for row in rows if row.state != "removed"]
        mark_tasks(conn, ids, TaskInstanceState.SUCCESS, now, reason)
    if target == DagRunState.FAILED:
        active = {str(state) for state in _ACTIVE}
        ended = {"failed", "skipped", "upstream_failed", "removed"}
        mark_tasks(conn, [row.id for row in rows if row.state in active], TaskInstanceState.FAILED, now, reason)
        waiting = [row.id for row in rows if row.state not in active | ended]
        mark_tasks(conn, waiting, TaskInstanceState.SKIPPED, now, reason)
    return move_run(conn, key, state, target, now, reason)


def requeue_runs(conn: sa.Connection, keys: Sequence[int], now: float, reason: str) -> None:
    """Start ended runs again; runs that go on are left alone."""
    ended = [str(state) for state in RUN_TERMINAL]
    rows = conn.execute(sa.select(dag_run.c.id, dag_run.c.state).where(dag_run.c.id.in_(keys), dag_run.c.state.in_(ended)))
    for row in rows.all():
        move_run(conn, row.id, DagRunState(row.state), DagRunState.QUEUED, now, reason)


def set_run_note(conn: sa.Connection, key: int, note: str | None) -> None:
    """Write a person's note on a run."""
    conn.execute(dag_run.update().where(dag_run.c.id == key).values(note=note))


def set_task_notes(conn: sa.Connection, ids: Sequence[int], note: str | None) -> None:
    """Write a person's note on task instances."""
    for part in _parts(ids):
        conn.execute(task_instance.update().where(task_instance.c.id.in_(part)).values(note=note))


def delete_run(conn: sa.Connection, key: int, dag_id: str, run_id: str) -> None:
    """Delete a run with its task instances, tries and XComs."""
    conn.execute(xcom.delete().where(xcom.c.dag_id == dag_id, xcom.c.run_id == run_id))
    conn.execute(dag_run.delete().where(dag_run.c.id == key))


def delete_dag(conn: sa.Connection, dag_id: str) -> None:
    """Delete a DAG with its versions, runs and XComs. Its file brings it back when it is parsed again."""
    conn.execute(xcom.delete().where(xcom.c.dag_id == dag_id))
    conn.execute(dag_run.delete().where(dag_run.c.dag_id == dag_id))
    conn.execute(dag.delete().where(dag.c.dag_id == dag_id))
    conn.execute(dag_version.delete().where(dag_version.c.dag_id == dag_id))


def _clear_part(
    conn: sa.Connection, ids: list[int], tries: int, idle: list[TaskInstanceState | None], reason: str
) -> None:
    t = task_instance.c
    more = {"max_tries": t.try_number + tries, "reason": reason}
    blank: dict[str, Any] = dict.fromkeys(_BLANK)
    conn.execute(
        task_instance.update().where(t.id.in_(ids), _state_in(idle)).values(state=None, **blank, **more)
    )
    running = t.state == str(TaskInstanceState.RUNNING)
    restarting = str(TaskInstanceState.RESTARTING)
    conn.execute(task_instance.update().where(t.id.in_(ids), running).values(state=restarting, **more))


def _group_by_retries(
    conn: sa.Connection, ids: list[int], retries: Mapping[str, int]
) -> list[tuple[list[int], int]]:
    """Ids that get the same number of tries, with that number."""
    groups: dict[int, list[int]] = {}
    rows = conn.execute(sa.select(task_instance.c.id, task_instance.c.task_id).where(task_instance.c.id.in_(ids)))
    for row in rows:
        groups.setdefault(retries.get(row.task_id, 0) + 1, []).append(row.id)
    return [(members, tries) for tries, members in groups.items()]


def _keep_tries(conn: sa.Connection, ids: list[int]) -> None:
    """Remember tries that are over before their columns are emptied; those remembered already stay as they are."""
    t = task_instance.c
    columns = (t.id, t.try_number, t.attempt, t.state, t.start_date, t.end_date, t.host, t.pid, t.reason)
    names = ["task_instance", *(column.name for column in columns[1:])]
    over = sa.select(*columns).where(t.id.in_(ids), t.try_number > 0, t.end_date.is_not(None))
    make = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    conn.execute(make(task_try).from_select(names, over).on_conflict_do_nothing())


def _state_in(states: list[TaskInstanceState | None]) -> sa.ColumnElement[bool]:
    named = task_instance.c.state.in_([str(state) for state in states if state is not None])
    return sa.or_(named, task_instance.c.state.is_(None)) if None in states else named


def _parts(ids: Sequence[int]) -> list[list[int]]:
    return [list(ids[start : start + _BATCH]) for start in range(0, len(ids), _BATCH)]
