"""What people write or delete by hand, beyond the states of runs and tasks (`task_instances` moves those)."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from runner.domain.states import RUN_TERMINAL, DagRunState
from runner.store.assets import drop_dag_assets, settle
from runner.store.runs import move_run
from runner.store.schema import backfill, dag, dag_file, dag_run, dag_version, task_instance, xcom


def requeue_run(conn: sa.Connection, key: int, now: float) -> bool:
    """Start an ended run again, without touching its tasks; False when it has not ended."""
    state = DagRunState(conn.execute(sa.select(dag_run.c.state).where(dag_run.c.id == key)).scalar_one())
    return state in RUN_TERMINAL and move_run(conn, key, state, DagRunState.QUEUED, now)


def set_run_note(conn: sa.Connection, key: int, note: str | None) -> None:
    """Write a person's note on a run."""
    conn.execute(dag_run.update().where(dag_run.c.id == key).values(note=note))


def set_task_notes(conn: sa.Connection, ids: Sequence[int], note: str | None) -> None:
    """Write a person's note on task instances."""
    for start in range(0, len(ids), 500):
        part = list(ids[start : start + 500])
        conn.execute(task_instance.update().where(task_instance.c.id.in_(part)).values(note=note))


def delete_dag(conn: sa.Connection, dag_id: str) -> None:
    """Delete a DAG with its versions, runs and XComs. Its file brings it back when it is parsed again."""
    file = sa.select(dag.c.file).where(dag.c.dag_id == dag_id).scalar_subquery()
    conn.execute(dag_file.update().where(dag_file.c.path == file).values(digest=""))  # as if it had changed
    conn.execute(xcom.delete().where(xcom.c.dag_id == dag_id))
    conn.execute(dag_run.delete().where(dag_run.c.dag_id == dag_id))
    conn.execute(backfill.delete().where(backfill.c.dag_id == dag_id))
    conn.execute(dag.delete().where(dag.c.dag_id == dag_id))
    if drop_dag_assets(conn, [dag_id], queued=True):
        settle(conn)
    conn.execute(dag_version.delete().where(dag_version.c.dag_id == dag_id))
