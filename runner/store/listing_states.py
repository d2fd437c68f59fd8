"""Counts of what is not over, for health and metrics. They read the index of open states only, never the history."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from airflow._wire.states import RUN_TERMINAL, TERMINAL, DagRunState, TaskInstanceState

from runner.store.dag_files import is_file
from runner.store.schema import dag, dag_file, dag_run, task_instance

_OPEN_TASKS = [str(state) for state in TaskInstanceState if state not in TERMINAL]
_OPEN_RUNS = [str(state) for state in DagRunState if state not in RUN_TERMINAL]


def count_open_tasks(conn: sa.Connection) -> dict[str, int]:
    """State -> task instances, for every state that is not an end."""
    return _count(conn, task_instance.c.state, _OPEN_TASKS)


def count_open_runs(conn: sa.Connection) -> dict[str, int]:
    """State -> runs: queued and running."""
    return _count(conn, dag_run.c.state, _OPEN_RUNS)


def count_all_tasks(conn: sa.Connection) -> dict[str, int]:
    """State -> task instances in the whole history; those that nothing has happened to are left out."""
    return _count(conn, task_instance.c.state, [str(state) for state in TaskInstanceState])


def list_recent_durations(conn: sa.Connection, newest: int = 1000) -> list[float]:
    """Seconds that each of the newest runs took, of those that are over."""
    r = dag_run.c
    recent = sa.select(r.start_date, r.end_date).order_by(r.id.desc()).limit(newest).subquery()
    ended = recent.c.start_date.is_not(None) & recent.c.end_date.is_not(None)
    return list(conn.execute(sa.select(recent.c.end_date - recent.c.start_date).where(ended)).scalars())


def sum_parsing(conn: sa.Connection) -> Any:
    """One row: files, seconds (all files once), slowest."""
    seconds = dag_file.c.seconds
    columns = (
        sa.func.count().label("files"),
        sa.func.sum(seconds).label("seconds"),
        sa.func.max(seconds).label("slowest"),
    )
    return conn.execute(sa.select(*columns).select_from(dag_file).where(is_file)).one()


def count_dags(conn: sa.Connection) -> dict[bool, int]:
    """Paused -> DAGs that are not stale."""
    statement = sa.select(dag.c.is_paused, sa.func.count()).where(~dag.c.is_stale).group_by(dag.c.is_paused)
    return {bool(row[0]): int(row[1]) for row in conn.execute(statement)}


def _count(conn: sa.Connection, column: sa.Column[Any], states: list[str]) -> dict[str, int]:
    statement = sa.select(column, sa.func.count()).where(column.in_(states)).group_by(column)
    found = {row[0]: int(row[1]) for row in conn.execute(statement)}
    return {state: found.get(state, 0) for state in states}
