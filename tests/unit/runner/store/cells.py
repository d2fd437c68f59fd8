"""Small DAGs and runs for tests of the store."""

from __future__ import annotations

from typing import Any

from runner.store import dags, runs
from runner.store.database import Connection
from runner.store.runs import NewRun


def make_dag(dag_id: str, edges: dict[str, list[str]], **fields: Any) -> dict[str, Any]:
    """A serialised DAG: task -> upstreams. A `task__<field>` applies to every task."""
    common = {
        name.removeprefix("task__"): fields.pop(name) for name in list(fields) if name.startswith("task__")
    }
    tasks = [
        {"task_id": name, "operator": "Op", "upstream": above, **common} for name, above in edges.items()
    ]
    base = {"dag_id": dag_id, "file": "f.py", "timetable": {"kind": "null"}, "is_paused_upon_creation": False}
    return {**base, "tasks": tasks, **fields}


def make_run(conn: Connection, dag_id: str, run_id: str = "r1", logical_date: float | None = None) -> int:
    """A queued manual run of a DAG that is there."""
    found = dags.find_runnable(conn, dag_id)
    assert found is not None
    run = NewRun(dag_id, run_id, "manual", logical_date, logical_date, logical_date, 10.0, 10.0)
    return runs.insert_run(conn, run, found.version_id, found.bundle, found.spec)
