"""A cell's directory and its engine as a real process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from airflow._wire import cell
from airflow._wire.cell import Bucket, CellSpec
from airflow._wire.layout import Layout

from runner.store import dags, runs
from runner.store.database import Database
from runner.store.runs import NewRun
from runner.store.schema import dag_run, task_instance

ROOT = Path(__file__).resolve().parents[2]


class Cell:
    """One cell below a folder; `engine` is its running process."""

    def __init__(self, home: Path, database_url: str | None = None) -> None:
        self.layout = Layout(home)
        self.layout.make()
        url = database_url or f"sqlite:///{self.layout.database}"
        nowhere = Bucket("none", "", endpoint="http://127.0.0.1:9")
        sdk = str(ROOT / "runner" / "sdk")
        self.spec = CellSpec("test", "2.10.3", url, nowhere, nowhere, sys.executable, sdk, "token", slots=32)
        cell.write(self.layout.spec, self.spec)
        self.db = Database(url)
        self.db.create_or_migrate()
        self.engine: subprocess.Popen[bytes] | None = None

    def start_engine(self) -> subprocess.Popen[bytes]:
        """A new engine process."""
        paths = os.pathsep.join((str(ROOT), str(ROOT / "runner" / "sdk")))
        command = [sys.executable, "-m", "runner", "engine", "--home", str(self.layout.home)]
        self.engine = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, cwd=ROOT)
        return self.engine

    def close(self) -> None:
        """End the engine, if it runs, and let go of the database."""
        if self.engine is not None and self.engine.poll() is None:
            self.engine.kill()
            self.engine.wait(10)
        self.db.dispose()

    def put(self, *serialized: dict[str, Any], now: float | None = None, bundle: str = "bundle") -> None:
        """Record DAGs as parsed, from a snapshot that is here and empty."""
        self.layout.bundle(bundle).mkdir(parents=True, exist_ok=True)
        with self.db.begin() as conn:
            dags.put_dags(
                conn, bundle, serialized[0]["file"], serialized, time.time() if now is None else now
            )

    def trigger(self, dag_id: str, run_id: str = "r1") -> int:
        """A new manual run, committed but not announced."""
        now = time.time()
        with self.db.begin() as conn:
            found = dags.find_runnable(conn, dag_id)
            assert found is not None
            run = NewRun(dag_id, run_id, runs.MANUAL, None, None, None, now, now)
            return runs.insert_run(conn, run, found.version_id, found.bundle, found.spec)

    def run_state(self, key: int) -> str:
        with self.db.read() as conn:
            return str(conn.execute(sa.select(dag_run.c.state).where(dag_run.c.id == key)).scalar_one())

    def instances(self, key: int, *columns: str) -> list[sa.Row[Any]]:
        """Columns of the run's task instances, by id."""
        query = sa.select(*(task_instance.c[name] for name in columns)).where(task_instance.c.run == key)
        with self.db.read() as conn:
            return list(conn.execute(query.order_by(task_instance.c.id)))


def make_dag(dag_id: str, edges: dict[str, Sequence[str]], **fields: Any) -> dict[str, Any]:
    """A serialised DAG: task -> upstreams; `task` holds fields of every task."""
    common = fields.pop("task", {})
    tasks = [
        {"task_id": name, "operator": "Op", "upstream": list(above), **common}
        for name, above in edges.items()
    ]
    base = {"dag_id": dag_id, "file": "f.py", "timetable": {"kind": "null"}, "is_paused_upon_creation": False}
    return {**base, "max_active_tasks": 10_000, "tasks": tasks, **fields}


def make_fan(dag_id: str, width: int, **fields: Any) -> dict[str, Any]:
    """One task, `width` tasks after it, one task after those."""
    middle = [f"m{i}" for i in range(width)]
    return make_dag(dag_id, {"first": [], **{name: ["first"] for name in middle}, "last": middle}, **fields)


def wait_for(condition: Callable[[], Any], deadline: float = 20.0) -> Any:
    """The first true answer of `condition`; fails after `deadline` seconds."""
    until = time.monotonic() + deadline
    while not (found := condition()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)
    return found
