"""How many runs and task instances of a DAG are in which states, for tasks that wait for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from runner.store.schema import dag_run, task_instance


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which ones. Fields that are None or empty do not filter. `states`: "null" is no state yet."""

    dag_id: str
    logical_dates: list[float] | None = None
    run_ids: list[str] | None = None
    states: list[str] | None = None
    task_ids: list[str] | None = None
    map_index: int | None = None


def count_runs(conn: sa.Connection, wanted: Wanted) -> int:
    """Runs."""
    conditions = [*_run_conditions(wanted), *_among_states(dag_run.c.state, wanted)]
    return conn.execute(sa.select(sa.func.count()).select_from(dag_run).where(*conditions)).scalar_one()


def count_instances(conn: sa.Connection, wanted: Wanted) -> int:
    """Task instances."""
    conditions = [*_conditions(wanted), *_among_states(task_instance.c.state, wanted)]
    return conn.execute(sa.select(sa.func.count()).select_from(_JOINED).where(*conditions)).scalar_one()


def list_instance_states(conn: sa.Connection, wanted: Wanted) -> list[sa.Row[Any]]:
    """Rows (run_id, task_id, map_index, state)."""
    t = task_instance.c
    columns = sa.select(t.run_id, t.task_id, t.map_index, t.state)
    return list(conn.execute(columns.select_from(_JOINED).where(*_conditions(wanted)).order_by(t.id)))


_JOINED = task_instance.join(dag_run, dag_run.c.id == task_instance.c.run)


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    conditions = _run_conditions(wanted)
    if wanted.task_ids:
        conditions.append(task_instance.c.task_id.in_(wanted.task_ids))
    if wanted.map_index is not None:
        conditions.append(task_instance.c.map_index == wanted.map_index)
    return conditions


def _run_conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    conditions = [dag_run.c.dag_id == wanted.dag_id]
    if wanted.logical_dates:
        conditions.append(dag_run.c.logical_date.in_(wanted.logical_dates))
    if wanted.run_ids:
        conditions.append(dag_run.c.run_id.in_(wanted.run_ids))
    return conditions


def _among_states(column: sa.Column[Any], wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    if not wanted.states:
        return []
    named = column.in_([state for state in wanted.states if state != "null"])
    return [sa.or_(named, column.is_(None)) if "null" in wanted.states else named]
