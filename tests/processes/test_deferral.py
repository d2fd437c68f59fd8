"""Deferral end to end: a real engine, a real agent, a real triggerer, and each of them killed in the middle."""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from runner.domain.states import DagRunState
from runner.store.dags import put_dags
from runner.store.listing_processes import list_processes
from runner.store.schema import trigger
from runner.store.task_instances import mark_run
from tests.fakes.cell import PROGRAM, titles
from tests.processes.cells import ROOT, Cell, wait_for

TASKS = 12
FILE = """
import os, sys, time
from datetime import datetime, timedelta
from airflow import DAG
from airflow.models import BaseOperator
from mine import File

class Waits(BaseOperator):
    def __init__(self, place, timeout=None, **kwargs):
        super().__init__(**kwargs)
        self.place, self.timeout = place, timeout
    def execute(self, context):
        self.note(context, "execute")
        self.defer(trigger=File(self.place + ".go"), method_name="done", timeout=self.timeout)
    def done(self, context, event):
        self.note(context, "done")
        return event
    def note(self, context, word):
        with open(self.place, "a") as file:
            late = ",".join(sorted(name for name in set(sys.modules) - LOADED if name.startswith("airflow")))
            file.write(f"{word} {context['ti'].task_id} {context['ti'].try_number} {time.time()} {late}\\n")

with DAG("d", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    for n in range(%d):
        Waits(task_id=f"t{n}", place="%s", retries=1, retry_delay=timedelta(seconds=0.1))
with DAG("late", start_date=datetime(2024, 1, 1), schedule=None):
    Waits(task_id="t", place="%s.never", timeout=timedelta(seconds=0.5))
LOADED = set(sys.modules)
"""
MINE = """
import asyncio, os
from airflow.triggers.base import BaseTrigger, TriggerEvent

class File(BaseTrigger):
    def __init__(self, path):
        super().__init__()
        self.path = path
    def serialize(self):
        return "mine.File", {"path": self.path}
    async def run(self):
        while not os.path.exists(self.path):
            await asyncio.sleep(0.005)
        yield TriggerEvent(os.stat(self.path).st_mtime)
"""


class Whole:
    """A cell with engine and agent, and a DAG of tasks that wait for a file."""

    def __init__(self, home: Path) -> None:
        self.place = home / "said"
        self.cell = Cell(home / "cell")
        bundle = self.cell.layout.bundle("bundle")
        bundle.mkdir()
        (bundle / "mine.py").write_text(MINE)
        (bundle / "f.py").write_text(FILE % (TASKS, self.place, self.place))
        self.agent: subprocess.Popen[bytes] | None = None
        with self.cell.db.begin() as conn:
            found = [{**dag, "is_paused_upon_creation": False} for dag in parse_apart(bundle)]
            put_dags(conn, "bundle", "f.py", found, time.time())
        self.cell.start_engine()
        self.start_agent()

    def start_agent(self) -> None:
        environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'runner' / 'sdk'}"}
        home = str(self.cell.layout.home)
        self.agent = subprocess.Popen([sys.executable, "-c", PROGRAM, home], env=environ)

    def said(self, word: str) -> list[list[str]]:
        lines = self.place.read_text().splitlines() if self.place.exists() else []
        return [line.split() for line in lines if line.startswith(word)]

    def states(self, key: int) -> Counter[str | None]:
        return Counter(row.state for row in self.cell.instances(key, "state"))

    def triggerer(self) -> int:
        """The pid of the triggerer, once there is one."""

        def find() -> int | None:
            assert self.agent is not None
            try:
                path = Path(f"/proc/{self.agent.pid}/task/{self.agent.pid}/children")
                children = {int(pid) for pid in path.read_text().split()}
            except OSError:
                return None
            return next((p for p, title in titles().items() if "triggerer" in title and p in children), None)

        return int(wait_for(find))

    def kill(self, what: str) -> None:
        """kill -9, and whatever starts it again."""
        if what == "triggerer":
            os.kill(self.triggerer(), signal.SIGKILL)
        elif what == "agent":
            assert self.agent is not None
            self.agent.kill()
            self.agent.wait(10)
            self.start_agent()
        else:
            assert self.cell.engine is not None
            self.cell.engine.kill()
            self.cell.engine.wait(10)
            self.cell.start_engine()

    def close(self) -> None:
        if self.agent is not None and self.agent.poll() is None:
            self.agent.kill()
            self.agent.wait(10)
        self.cell.close()


def parse_apart(bundle: Path) -> list[dict[str, Any]]:
    """The DAGs of f.py, parsed in another process, so that nothing of it stays in this one."""
    program = "import json, sys; from airflow._task.parse import parse; print(json.dumps(parse(sys.argv[1], 'f.py')))"
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'runner' / 'sdk'}:{bundle}"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(bundle)], env=environ, capture_output=True, check=True
    )
    result = json.loads(done.stdout)
    assert result["error"] is None
    return list(result["dags"])


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    made = Whole(tmp_path)
    yield made
    made.close()


def test_tasks_wait_without_a_process_and_go_on_at_once(whole: Whole) -> None:
    key = whole.cell.trigger("d")
    wait_for(lambda: whole.states(key) == {"deferred": TASKS})
    with whole.cell.db.read() as conn:
        rows = conn.execute(sa.select(trigger)).all()
    assert len(rows) == TASKS
    assert all(str(whole.place) not in row.kwargs and row.event is None for row in rows)
    whole.triggerer()
    whole.place.with_name("said.go").touch()
    wait_for(lambda: whole.cell.run_state(key) == "success")
    assert Counter(line[1] for line in whole.said("done")) == {f"t{n}": 1 for n in range(TASKS)}
    assert {tuple(row) for row in whole.cell.instances(key, "state", "try_number")} == {("success", 1)}
    with whole.cell.db.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(trigger)).scalar_one() == 0


def test_one_event_resumes_many_tasks_within_a_tenth_of_a_second(whole: Whole) -> None:
    """Half of twelve at once, in the best of a few rounds: whatever else the machine does is not in the figure."""
    event = whole.place.with_name("said.go")
    medians = []
    for number in range(4):
        whole.place.unlink(missing_ok=True)
        event.unlink(missing_ok=True)
        key = whole.cell.trigger("d", f"r{number}")
        wait_for(lambda: whole.states(key) == {"deferred": TASKS})  # noqa: B023 - it is over before the next
        whole.triggerer()
        fired = time.time()
        event.touch()
        wait_for(lambda: whole.cell.run_state(key) == "success")  # noqa: B023
        medians.append(statistics.median(float(line[3]) - fired for line in whole.said("done")))
        assert [line[4:] for line in whole.said("done")] == [[]] * TASKS, (
            "a resumed task imports what others share"
        )
    assert min(medians) < 0.1, medians


def test_trigger_that_takes_too_long_fails_its_task(whole: Whole) -> None:
    key = whole.cell.trigger("late")
    wait_for(lambda: whole.cell.run_state(key) == "failed")
    (row,) = whole.cell.instances(key, "reason", "try_number")
    assert (row.reason, row.try_number) == ("TaskDeferralTimeout: Trigger timeout", 1)


@pytest.mark.timeout(240)
def test_kills_of_triggerer_agent_and_engine_lose_none_and_repeat_none(whole: Whole) -> None:
    key = whole.cell.trigger("d")
    wait_for(lambda: whole.states(key) == {"deferred": TASKS}, 60)
    spread = random.Random(5)
    for what in ("triggerer", "engine", "agent", "triggerer", "agent", "engine"):
        whole.kill(what)
        if spread.random() < 0.5:
            whole.triggerer()
    whole.triggerer()
    whole.place.with_name("said.go").touch()
    whole.kill("engine")
    whole.kill("triggerer")
    wait_for(lambda: whole.cell.run_state(key) == "success", 60)
    assert Counter(line[1] for line in whole.said("execute")) == {f"t{n}": 1 for n in range(TASKS)}
    assert Counter(line[1] for line in whole.said("done")) == {f"t{n}": 1 for n in range(TASKS)}
    assert {tuple(row) for row in whole.cell.instances(key, "state", "try_number")} == {("success", 1)}


def test_ending_a_deferred_task_lets_go_of_its_trigger(whole: Whole) -> None:
    key = whole.cell.trigger("d")
    wait_for(lambda: whole.states(key) == {"deferred": TASKS})
    with whole.cell.db.begin() as conn:  # without telling the engine: its poll notices
        mark_run(conn, key, DagRunState.FAILED, time.time())
        assert conn.execute(sa.select(sa.func.count()).select_from(trigger)).scalar_one() == 0

    def is_idle() -> bool:
        with whole.cell.db.read() as conn:
            rows = [row for row in list_processes(conn) if row.role == "triggerer"]
        return bool(rows) and all(json.loads(row.details)["about"].startswith("0 ") for row in rows)

    wait_for(is_idle, 40)
    assert whole.said("done") == []
