"""DAGs whose runs fail again and again are paused, and it is written down why."""

from __future__ import annotations

import json

import sqlalchemy as sa

from runner.store.event_log import SCHEDULER, Entry, note
from runner.store.schema import dag, dag_run


def pause_failing(conn: sa.Connection, dag_id: str, most: int, now: float) -> bool:
    """Pause a DAG the newest `most` runs of which failed; whether it was paused by this."""
    newest = (
        sa.select(dag_run.c.state)
        .where(dag_run.c.dag_id == dag_id)
        .order_by(dag_run.c.run_after.desc(), dag_run.c.id.desc())
        .limit(most)
    )
    states = list(conn.execute(newest).scalars())
    if len(states) < most or any(state != "failed" for state in states):
        return False
    running = (dag.c.dag_id == dag_id, dag.c.is_paused == sa.false())
    if not conn.execute(dag.update().where(*running).values(is_paused=True)).rowcount:
        return False
    reason = f"its last {most} runs failed (max_consecutive_failed_dag_runs)"
    extra = json.dumps({"is_paused": True, "reason": reason})
    note(conn, Entry("paused", SCHEDULER, dag_id=dag_id, extra=extra), now)
    return True
