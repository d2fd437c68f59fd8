"""Our side: files parsed by `python -m runner check`, runs by a whole service with one environment."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow._wire import encoding
from botocore.exceptions import ClientError

from tests.compat.corpora import Corpus
from tests.customer import BUCKET, Customer
from tests.running import ROOT, RunningService, environ, until

Answer = dict[str, Any]
AT_ONCE = 6
ENDED = ("success", "failed")
OPTIONS = {
    "core.max_active_tasks_per_dag": "16",
    "core.parallelism": "16",
    "core.dagbag_import_timeout": "60",
    "scheduler.use_job_schedule": "False",  # one run of each, by hand, as on the other side
}
LOCK = ROOT / "runner" / "sdk" / "requirements.lock"
RUN_ID = "manual__2024-01-01T00:00:00+00:00"


def parse(corpus: Corpus, files: list[str], python: Path) -> list[Answer]:
    """What comes of the files: lines of `python -m runner check`, the serialised DAGs in full."""
    argv = [sys.executable, "-m", "runner", "check"]
    argv += ["--airflow-version", corpus.version, "--python", str(python)]
    argv += [
        "--timeout",
        "60",
        "--dags-folder",
        str(corpus.root),
        *(str(corpus.root / file) for file in files),
    ]
    done = subprocess.run(argv, env=environ(), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [answer for answer in answers if "file" in answer]


@contextmanager
def running(work: Path, venvs: Path) -> Iterator[RunningService]:
    """A service for as long as it is needed."""
    service = RunningService(work / "home", venvs)
    try:
        service.up()
        yield service
    finally:
        service.close()


@dataclass(slots=True)
class Engine:
    """One environment over a corpus. Runs are made by the REST API and read from the cell's database."""

    service: RunningService
    name: str
    deadline: float
    customer: Customer = field(init=False)

    def prepare(self, corpus: Corpus, dag_ids: set[str]) -> set[str]:
        """Upload everything and create the environment; the DAGs that are there, once as many as will be are."""
        self.customer = Customer(self.service, self.name)
        if BUCKET not in {bucket["Name"] for bucket in self.customer.s3.list_buckets()["Buckets"]}:
            self.customer.s3.create_bucket(Bucket=BUCKET)
        for path in sorted(corpus.root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                self.customer.upload(
                    f"{self.name}/{path.relative_to(corpus.root).as_posix()}", path.read_bytes()
                )
        self.customer.create(self.name, AirflowVersion=corpus.version, AirflowConfigurationOptions=OPTIONS)
        until(lambda: dag_ids <= self._known() or self._is_settled(), 120, "the files are parsed")
        return self._known() & dag_ids

    def run_all(self, jobs: Iterable[tuple[str, str]]) -> Iterator[Answer]:
        """Run each (file, DAG id) once by hand, a few at a time."""
        waiting = list(jobs)
        going: dict[str, tuple[str, float]] = {}
        while waiting or going:
            while waiting and len(going) < AT_ONCE:
                file, dag_id = waiting.pop(0)
                error = self._begin(dag_id)
                if error is not None:
                    yield {"file": file, "dag_id": dag_id, "run": None, "error": error}
                else:
                    going[dag_id] = file, time.monotonic() + self.deadline
            states = self._run_states(going)
            for dag_id, (file, deadline) in list(going.items()):
                is_late = time.monotonic() > deadline
                if states.get(dag_id) in ENDED or is_late:
                    del going[dag_id]
                    self._pause(dag_id, True)
                    yield {"file": file, "dag_id": dag_id, "late": is_late, **self._read(dag_id)}
            time.sleep(0.05)

    def _begin(self, dag_id: str) -> str | None:
        """Why the run cannot begin, or None."""
        try:
            body = {"logical_date": today(), "dag_run_id": RUN_ID, "conf": {}}
            self.customer.rest("POST", f"/dags/{dag_id}/dagRuns", body)
            self._pause(dag_id, False)
        except ClientError as error:
            return str(error.response.get("RestApiResponse", error))
        return None

    def _pause(self, dag_id: str, paused: bool) -> None:
        self.customer.rest("PATCH", f"/dags/{dag_id}", {"is_paused": paused})

    def _read(self, dag_id: str) -> Answer:
        mine = (dag_id,)
        with self._database() as db:
            where = f"WHERE dag_id = ? AND run_id = '{RUN_ID}'"
            run = db.execute(f"SELECT state, reason FROM dag_run {where}", mine).fetchone()
            tasks = db.execute(
                f"SELECT task_id, map_index, state, try_number FROM task_instance {where} ORDER BY 1, 2", mine
            ).fetchall()
            xcoms = db.execute(f"SELECT task_id, map_index, key, value FROM xcom {where}", mine).fetchall()
            reasons = db.execute(
                f"SELECT reason FROM task_instance {where} AND reason IS NOT NULL", mine
            ).fetchall()
        values = [(task, index, key, _as_json(value)) for task, index, key, value in xcoms]
        why = "; ".join(str(reason) for (reason,) in reasons)
        return {"run": run[0], "tasks": tasks, "xcoms": values, "error": run[1] or why or None}

    def _run_states(self, dag_ids: Iterable[str]) -> dict[str, str]:
        with self._database() as db:
            rows = db.execute("SELECT dag_id, state FROM dag_run WHERE run_id = ?", (RUN_ID,)).fetchall()
        return {dag_id: state for dag_id, state in rows if dag_id in dag_ids}

    def _known(self) -> set[str]:
        with self._database() as db:
            return {dag_id for (dag_id,) in db.execute("SELECT dag_id FROM dag")}

    def _is_settled(self) -> bool:
        """The snapshot has been taken in: what is not there now will not come."""
        with self._database() as db:
            return bool(db.execute("SELECT 1 FROM bundle").fetchone())

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        path = self.customer.home() / "db" / "metadata.db"
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
        try:
            yield db
        finally:
            db.close()


def today() -> str:
    """The date of all runs: some DAGs decide by it."""
    return dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0).isoformat()


def _as_json(text: str) -> Any:
    """An XCom as the other side tells its own: JSON, the rest as text."""
    return json.loads(json.dumps(_untuple(encoding.loads(text)), default=str))


def _untuple(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _untuple(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_untuple(item) for item in value]
    return value
