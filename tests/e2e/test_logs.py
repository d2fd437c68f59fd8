"""Logs on the real service: while a task runs, after kill -9 of it and of its agent, after its environment is gone."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.customer import BUCKET, Customer
from tests.e2e.conftest import Stopwatch
from tests.running import RunningService, is_alive, until

pytestmark = pytest.mark.timeout(300)
LINES = 20_000
SECRET = "correct horse/battery+staple"

# Every start leaves the pid of its process; `gated` tasks end when the test says so.
DAG_FILE = """
import datetime as dt
import logging
import os
import pathlib
import time
from airflow import DAG
from airflow.models import Variable
from airflow.operators.python import PythonOperator

FOLDER = pathlib.Path({folder!r})

def gated(run_id):
    print("before the gate")
    with (FOLDER / (run_id + ".pids")).open("a") as file:
        print(os.getpid(), file=file)
    while not (FOLDER / (run_id + ".open")).exists():
        time.sleep(0.05)
    print("after the gate")

def talk():
    for number in range({lines}):
        print(f"line {{number:06}} " + "." * 60)

def tell():
    value = Variable.get("api_password")
    print("the password is", value)
    logging.getLogger(__name__).info("logged: %s", value)
    raise ValueError("cannot use " + value)

for name, function, retries in [("wait", gated, 0), ("again", gated, 1), ("talk", talk, 0), ("tell", tell, 0)]:
    with DAG(name, schedule=None, start_date=dt.datetime(2024, 1, 1)) as dag:
        PythonOperator(
            task_id="only", python_callable=function, retries=retries, retry_delay=dt.timedelta(seconds=0.1)
        )
    globals()[name] = dag
"""
NAMES = ("wait", "again", "talk", "tell")
MODULES = ("DagProcessingLogs", "SchedulerLogs", "WebserverLogs", "WorkerLogs", "TaskLogs")


class World(Customer):
    """An environment with all its logs enabled, and the folder through which its tasks are steered."""

    folder: Path

    def open_gate(self, run_id: str) -> None:
        (self.folder / f"{run_id}.open").touch()

    def starts(self, run_id: str) -> list[int]:
        path = self.folder / f"{run_id}.pids"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def wait_for_start(self, run_id: str, number: int = 1) -> int:
        """The process of the run's `number`-th start."""
        found: list[int] = until(
            lambda: len(self.starts(run_id)) >= number and self.starts(run_id), 20, f"{run_id} starts"
        )
        return found[number - 1]

    def own(self, module: str) -> list[dict[str, Any]]:
        """Our own log lines of a module, in S3."""
        return [json.loads(line) for line in self.read_parts(f"{module}/").splitlines()]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("logs")
    service = RunningService(root / "home", tmp_path_factory.getbasetemp().parent / "venvs")
    try:
        service.up()
        world = World(service, "talking")
        world.folder = root
        world.s3.create_bucket(Bucket=BUCKET)
        world.upload("dags/talk.py", DAG_FILE.format(folder=str(root), lines=LINES))
        world.create(LoggingConfiguration={name: {"Enabled": True, "LogLevel": "INFO"} for name in MODULES})
        world.wait_for_dags(*NAMES)
        for name in NAMES:
            world.unpause(name)
        yield world
    finally:
        service.close()


def test_a_log_can_be_read_here_and_in_s3_when_its_task_still_runs(
    world: World, stopwatch: Stopwatch
) -> None:
    world.trigger("wait", "live")
    world.wait_for_start("live")
    with stopwatch("a line is printed -> InvokeRestApi shows it"):
        until(lambda: "before the gate" in _events(world.read_events("wait", "live", "only")), 5, "to read")
    with stopwatch("a line is printed -> it is in S3, its task still running"):
        until(lambda: "before the gate" in _events(world.read_log("wait", "live", "only")), 10, "in S3")
    assert world.state("wait", "live") == "running"
    world.open_gate("live")
    with stopwatch("a task ends -> its whole log is in S3"):
        last = world.wait_for_end("wait", "live", "only")
    assert (last["state"], last["exit_code"]) == ("success", 0)
    shown = _events(world.read_events("wait", "live", "only"))
    assert shown[-1] == "Task finished"
    assert shown.index("before the gate") < shown.index("after the gate")


def test_the_last_line_names_the_signal_when_the_task_is_killed(world: World) -> None:
    world.trigger("wait", "killed")
    os.kill(world.wait_for_start("killed"), signal.SIGKILL)
    world.wait_for_run("wait", "killed", "failed")
    last = world.wait_for_end("wait", "killed", "only")
    assert (last["state"], last["signal"]) == ("failed", "SIGKILL")
    assert "SIGKILL" in last["reason"]
    assert "before the gate" in _events(world.read_log("wait", "killed", "only"))


def test_the_attempt_is_lost_with_its_reason_and_tried_again_when_the_agent_is_killed(
    world: World, stopwatch: Stopwatch
) -> None:
    world.trigger("again", "lost")
    child = world.wait_for_start("lost")
    os.kill(world.pid("agent"), signal.SIGKILL)
    with stopwatch("kill -9 of the agent -> the next try runs"):
        second = world.wait_for_start("lost", 2)
    assert not is_alive(child)
    assert second != child
    world.open_gate("lost")
    world.wait_for_run("again", "lost")
    assert world.tasks("again", "lost")["only"]["try_number"] == 2
    last = world.wait_for_end("again", "lost", "only", 1)
    assert last["state"] == "failed"
    assert "agent" in last["reason"]
    assert "before the gate" in _events(world.read_log("again", "lost", "only", 1))
    assert world.wait_for_end("again", "lost", "only", 2)["state"] == "success"
    assert len(world.starts("lost")) == 2


def test_a_secret_is_masked_everywhere_when_a_task_prints_and_raises_it(world: World) -> None:
    world.rest("POST", "/variables", {"key": "api_password", "value": SECRET})
    world.trigger("tell", "secret")
    world.wait_for_run("tell", "secret", "failed")
    world.wait_for_end("tell", "secret", "only")
    in_s3 = world.read_parts("dag_id=tell/").decode()
    shown = json.dumps(world.read_events("tell", "secret", "only"))
    for text in (in_s3, shown):
        assert "the password is ***" in text
        assert "logged: ***" in text
        assert "cannot use ***" in text
        assert SECRET not in text


def test_own_logs_tell_of_files_requests_and_processes_when_their_modules_are_enabled(
    world: World, stopwatch: Stopwatch
) -> None:
    world.upload("dags/broken.py", "import airflow\nfrom nowhere import dag\n")
    with stopwatch("a broken DAG file is uploaded -> it is in the DAGProcessing log in S3"):
        until(lambda: [e for e in world.own("DAGProcessing") if e["level"] == "error"], 15, "the error")
    (error,) = [event for event in world.own("DAGProcessing") if event["level"] == "error"]
    assert error["file"] == "broken.py"
    assert "ModuleNotFoundError" in error["error_detail"]
    (parsed,) = [event for event in world.own("DAGProcessing") if event.get("file") == "talk.py"]
    assert (parsed["dags"], parsed["level"]) == (len(NAMES), "info")
    assert 0 < parsed["seconds"] < 30
    asked = until(lambda: _find(world.own("WebServer"), "/api/v2/dags"), 15, "the requests")
    assert {(event["method"], event["status"]) for event in asked} == {("GET", 200)}
    assert all(event["user"] for event in asked)
    assert _find(world.own("Scheduler"), "the engine of talking begins")
    assert _find(world.own("Worker"), "agent starts")
    (name, *_) = {key.split("/")[3] for key in world.keys(f"logs/{world.name}/Scheduler/")}
    assert name.startswith("scheduler_")
    world.s3.delete_object(Bucket=BUCKET, Key="dags/broken.py")


def test_no_line_of_our_own_is_lost_when_the_engine_is_killed_before_it_was_shipped(world: World) -> None:
    local = world.home() / "log" / "engine.log"
    begins = "the engine of talking begins"
    lives = local.read_text().count(begins)
    for life in (lives, lives + 1):
        os.kill(world.pid("engine"), signal.SIGKILL)
        until(lambda life=life: local.read_text().count(begins) > life, 20, "the next engine begins")
    until(
        lambda: len(_find(world.own("Scheduler"), begins)) == lives + 2, 30, "what the dead left is shipped"
    )
    assert len({key.split("/")[3] for key in world.keys(f"logs/{world.name}/Scheduler/")}) == lives + 2


def test_logs_stay_whole_in_s3_when_their_environment_is_deleted_at_once(world: World) -> None:
    world.trigger("talk", "long")
    world.wait_for_run("talk", "long")
    world.delete()
    assert not world.home().exists()
    lines = world.read_log("talk", "long", "only")
    numbers = [int(line["event"].split()[1]) for line in lines if line["event"].startswith("line ")]
    assert numbers == list(range(LINES))
    assert (lines[-1]["event"], lines[-1]["state"]) == ("Task finished", "success")
    assert len(world.keys(f"logs/{world.name}/dag_id=talk/")) > 1
    assert "ends" in world.own("Scheduler")[-1]["event"]
    assert "ends" in world.own("Worker")[-1]["event"]


def _find(lines: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    return [line for line in lines if text in line["event"] and line.get("path") in (None, text)]


def _events(lines: list[dict[str, Any]]) -> list[str]:
    return [line["event"] for line in lines]
