"""A cell's API over a real database with a DAG, its runs and their tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow._task.serialize import serialize_task
from airflow._wire.cell import Bucket, CellSpec
from airflow._wire.layout import Layout
from airflow.operators.bash import BashOperator

from runner.api.app import start
from runner.api.context import CellContext
from runner.store.dag_files import DagFile, put_dag_files
from runner.store.dags import find_runnable, put_dags
from runner.store.database import Database
from runner.store.meta import put_fact
from runner.store.runs import NewRun, insert_run
from runner.store.schema import dag_run, task_instance
from sync.mirror import SyncReport

NOW = 1_780_000_000.0
WHOLE_TASK = serialize_task(BashOperator(task_id="any", bash_command="true")) | {
    "operator": "",
    "display_name": None,
}
"""Every key of a task as the SDK writes it; a test says what is different."""
BUNDLE = "b" * 64


@dataclass
class FakeScheduler:
    """Remembers what it was told."""

    events: list[Any] = field(default_factory=list)
    facts: dict[str, Any] = field(
        default_factory=lambda: {"last_turn": NOW, "agents": [{"agent": "a", "processes": []}]}
    )

    def post(self, event: Any) -> None:
        self.events.append(event)

    def status(self) -> dict[str, Any]:
        return dict(self.facts)


@dataclass
class Cell:
    """A context, a client for every role, and ways to put rows there."""

    context: CellContext
    scheduler: FakeScheduler
    http: httpx.Client
    reports: list[SyncReport] = field(default_factory=list)
    """What the mirror said; the last one counts."""

    def call(self, method: str, path: str, role: str = "Admin", **more: Any) -> httpx.Response:
        headers = {"Authorization": "Bearer token", "X-Aerodrome-User": "ann", "X-Aerodrome-Role": role}
        headers |= more.pop("headers", {})
        prefix = "" if path.startswith(("/healthz", "/metrics", "/api/")) else "/api/v2"
        return self.http.request(method, prefix + path, headers=headers, **more)

    def put_dag(self, dag_id: str, tasks: list[dict[str, Any]], text: str = "dag = 1\n", **more: Any) -> None:
        base = {
            "format": 1,
            "dag_id": dag_id,
            "file": f"{dag_id}.py",
            "tags": [],
            "timetable": {"kind": "null"},
        }
        data = {**base, "tasks": [{**WHOLE_TASK, **task} for task in tasks], "params": {}, **more}
        path = self.context.layout.bundle(BUNDLE) / data["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        with self.context.db.begin() as conn:
            put_dags(conn, BUNDLE, data["file"], [data], NOW, paused_at_creation=False)
            put_dag_files(conn, [DagFile(data["file"], "d", BUNDLE, NOW, 0.1)])

    def put_run(self, dag_id: str, run_id: str, logical_date: float | None = None, **more: Any) -> int:
        with self.context.db.begin() as conn:
            runnable = find_runnable(conn, dag_id)
            assert runnable is not None
            values = {
                "run_type": "manual",
                "interval_start": None,
                "interval_end": None,
                "run_after": NOW,
            } | more
            run = NewRun(dag_id, run_id, logical_date=logical_date, queued_at=NOW, **values)
            return insert_run(conn, run, runnable.version_id, runnable.bundle, runnable.spec)

    def set_task(self, run: int, task_id: str, **values: Any) -> None:
        with self.context.db.begin() as conn:
            t = task_instance.c
            changed = conn.execute(
                task_instance.update().where(t.run == run, t.task_id == task_id).values(values)
            )
            assert changed.rowcount == 1


@contextmanager
def serve(home: Path, database_url: str, version: str = "3.3.1") -> Iterator[Cell]:
    """A cell over a fresh database, with its API on its socket."""
    layout = Layout(home)
    layout.make()
    db = Database(database_url)
    db.create_or_migrate()
    bucket = Bucket("b", "dags", endpoint="http://127.0.0.1:9")
    spec = CellSpec("demo", version, database_url, bucket, bucket, python="python", sdk="sdk", token="token")
    scheduler = FakeScheduler()
    reports: list[SyncReport] = []
    context = CellContext(spec, layout, db, scheduler, lambda: NOW, lambda: reports[-1] if reports else None)
    with db.begin() as conn:
        put_fact(conn, "active_bundle", BUNDLE)
    server = start(context, layout.api_socket)
    transport = httpx.HTTPTransport(uds=str(layout.api_socket))
    try:
        with httpx.Client(transport=transport, base_url="http://cell", timeout=20) as http:
            yield Cell(context, scheduler, http, reports)
    finally:
        server.stop()
        db.dispose()


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Cell]:
    """A cell on SQLite."""
    with serve(tmp_path, f"sqlite:///{tmp_path / 'metadata.db'}") as made:
        yield made


@pytest.fixture
def old_demo(tmp_path: Path) -> Iterator[Cell]:
    """`demo` in an environment of Airflow 2."""
    with serve(tmp_path, f"sqlite:///{tmp_path / 'metadata.db'}", "2.10.3") as made:
        yield put_demo(made)


@pytest.fixture
def any_demo(tmp_path: Path, database_url: str) -> Iterator[Cell]:
    """`demo` on each kind of database."""
    with serve(tmp_path, database_url) as made:
        yield put_demo(made)


@pytest.fixture
def demo(cell: Cell) -> Cell:
    """A cell with `put_demo`'s DAG."""
    return put_demo(cell)


def put_demo(cell: Cell) -> Cell:
    """A DAG `demo` of a -> b -> c with a run `r1` that failed at b."""
    tasks = [
        {"task_id": "a", "operator": "BashOperator", "upstream": []},
        {"task_id": "b", "operator": "BashOperator", "upstream": ["a"], "retries": 2},
        {"task_id": "c", "operator": "PythonOperator", "upstream": ["b"]},
    ]
    cell.put_dag("demo", tasks, tags=["x", "y"], description="A demo", max_active_runs=4)
    run = cell.put_run("demo", "r1", NOW - 60)
    common = {"attempt": None, "start_date": NOW - 50, "end_date": NOW - 40, "try_number": 1}
    cell.set_task(run, "a", state="success", **common)
    cell.set_task(run, "b", state="failed", **common)
    cell.set_task(run, "c", state="upstream_failed", start_date=NOW - 40, end_date=NOW - 40)
    with cell.context.db.begin() as conn:
        conn.execute(dag_run.update().values(state="failed", start_date=NOW - 55, end_date=NOW - 40))
    return cell
