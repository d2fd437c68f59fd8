"""A replaced cell.json, taken up by a real engine and a real agent while tasks run."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from airflow._wire import cell

from control_plane.reconcile.health import find_health
from tests.processes.whole import WholeCell, run_cell

T = TypeVar("T")
DAG = """
import os, time
from datetime import datetime
from pathlib import Path
from airflow import DAG
from airflow.decorators import task

def seen():
    return [os.environ.get('AIRFLOW__CORE__WORD'), os.environ.get('EXPORTED'), os.environ['MWAA_AIRFLOW_COMPONENT']]

with DAG('hold', schedule=None, start_date=datetime(2024, 1, 1)):
    @task
    def hold():
        while not Path('@GO@').exists():
            time.sleep(0.02)
        return seen()
    hold()

with DAG('quick', schedule=None, start_date=datetime(2024, 1, 1)):
    @task
    def quick():
        return seen()
    quick()
"""


def until(look: Callable[[], T], what: str, seconds: float) -> T:
    """The first true answer."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return found


def health(whole: WholeCell) -> dict[str, Any]:
    """What the engine says of itself; {} while there is none."""
    return find_health(whole.cell.layout.api_socket, "token", 10.0) or {}


def change(whole: WholeCell, **spec: Any) -> int:
    """Replace the spec as the control plane does; its revision."""
    old = whole.cell.spec
    whole.cell.spec = cell.follow(old, replace(old, **spec))
    cell.write(whole.cell.layout.spec, whole.cell.spec)
    return whole.cell.spec.revision


def in_force(whole: WholeCell, revision: int) -> None:
    until(lambda: health(whole).get("revision") == revision, f"revision {revision} is in force", 60)


def bases(whole: WholeCell) -> list[int]:
    rows = health(whole).get("processes", [])
    return [row["pid"] for row in rows if row["role"] == "zygote" and row["about"] == "base"]


def start(whole: WholeCell, dag_id: str, run_id: str) -> None:
    answer = whole.call("POST", f"/dags/{dag_id}/dagRuns", json={"dag_run_id": run_id, "logical_date": None})
    assert answer.status_code == 200, answer.text


def state(whole: WholeCell, dag_id: str, run_id: str) -> str:
    rows = whole.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances").json()["task_instances"]
    return str(rows[0]["state"]) if rows else ""


def result(whole: WholeCell, dag_id: str, run_id: str) -> list[str | None]:
    until(lambda: state(whole, dag_id, run_id) == "success", f"{dag_id} {run_id} succeeds", 60)
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{dag_id}/xcomEntries/return_value"
    value: list[str | None] = whole.call("GET", path).json()["value"]
    return value


def test_running_tasks_finish_on_the_old_set_which_goes_with_the_last_of_them(tmp_path: Path) -> None:
    source = DAG.replace("@GO@", str(tmp_path / "go"))
    with run_cell(tmp_path / "cell", source, config={"core.word": "old"}) as whole:
        in_force(whole, 1)
        start(whole, "hold", "r")
        until(lambda: state(whole, "hold", "r") == "running", "the task runs", 60)
        (old,) = until(lambda: bases(whole), "the agent tells of its processes", 30)
        began = time.monotonic()
        exports = {"worker": {"EXPORTED": "w"}, "scheduler": {"EXPORTED": "s"}}
        in_force(whole, change(whole, config={"core.word": "new"}, exports=exports, slots=7))
        assert time.monotonic() - began < 10
        assert health(whole)["agents"][0]["slots"] == 7
        start(whole, "quick", "r")
        assert result(whole, "quick", "r") == ["new", "w", "worker"]
        until(lambda: len(bases(whole)) == 2, "both sets are there", 30)
        (tmp_path / "go").touch()
        assert result(whole, "hold", "r") == ["old", None, "worker"]
        until(lambda: bases(whole) and old not in bases(whole), "the old set has gone", 30)
        until(lambda: not Path(f"/proc/{old}").exists(), "its process, too", 5)


def test_a_change_while_the_engine_is_dead_is_taken_up_when_it_comes_back(tmp_path: Path) -> None:
    with run_cell(tmp_path / "cell", DAG) as whole:
        in_force(whole, 1)
        assert whole.cell.engine is not None
        whole.cell.engine.send_signal(signal.SIGKILL)
        whole.cell.engine.wait(10)
        revision = change(whole, config={"core.word": "later"})
        whole.cell.start_engine()
        in_force(whole, revision)
        start(whole, "quick", "r")
        assert result(whole, "quick", "r")[0] == "later"


def test_a_change_that_only_a_new_engine_takes_up_ends_the_engine_and_no_task(tmp_path: Path) -> None:
    source = DAG.replace("@GO@", str(tmp_path / "go"))
    with run_cell(tmp_path / "cell", source) as whole:
        in_force(whole, 1)
        start(whole, "hold", "r")
        until(lambda: state(whole, "hold", "r") == "running", "the task runs", 60)
        revision = change(whole, airflow_version="3.3.1")
        assert whole.cell.engine is not None
        assert whole.cell.engine.wait(10) == 0, "it ends by itself"
        whole.cell.start_engine()
        in_force(whole, revision)
        assert state(whole, "hold", "r") == "running"
        (tmp_path / "go").touch()
        result(whole, "hold", "r")


@pytest.mark.parametrize("text", ["", "{", '{"format": 99}'])
def test_a_spec_that_cannot_be_read_changes_nothing(tmp_path: Path, text: str) -> None:
    with run_cell(tmp_path / "cell", DAG) as whole:
        in_force(whole, 1)
        whole.cell.layout.spec.write_text(text)
        start(whole, "quick", "r")
        assert result(whole, "quick", "r")[2] == "worker"
        cell.write(whole.cell.layout.spec, whole.cell.spec)
        in_force(whole, change(whole, slots=5))
