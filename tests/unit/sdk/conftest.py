"""DAG files written in a test, parsed or run as a child would."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow._task import comms as comms_module
from airflow._task.execute import execute
from airflow._task.load import load_file
from airflow._task.local import LocalComms
from airflow._task.parse import parse
from airflow._wire import encoding
from airflow._wire.workload import Workload

DAY = dt.datetime(2024, 5, 6, tzinfo=dt.UTC)
SCHEDULED: dict[str, Any] = {
    "logical_date": DAY,
    "data_interval_start": DAY,
    "data_interval_end": DAY + dt.timedelta(days=1),
    "run_after": DAY + dt.timedelta(days=1),
    "run_type": "scheduled",
    "conf": {},
}


class Bundle:
    """A folder of DAG files, and one fake engine for all tasks that are run from it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.comms = LocalComms("run1", {})
        self._numbers = itertools.count()

    def write(self, source: str, name: str | None = None) -> str:
        name = name or f"dag{next(self._numbers)}.py"
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(textwrap.dedent(source))
        return name

    def parse(self, source: str) -> dict[str, Any]:
        return parse(str(self.path), self.write(source))

    def dag(self, source: str) -> dict[str, Any]:
        """The one serialised DAG of a file, its tasks by id."""
        result = self.parse(source)
        assert result["error"] is None, result["error"]
        (dag,) = result["dags"]
        return {**dag, "tasks": {task["task_id"]: task for task in dag["tasks"]}}

    def load(self, source: str) -> dict[str, Any]:
        return load_file(str(self.path / self.write(source)), str(self.path))

    def run(self, dags: dict[str, Any], task_id: str, **changes: Any) -> dict[str, Any]:
        """Run one task of the only DAG; `run=` changes the run's facts."""
        (dag_id,) = dags
        facts = encoding.to_plain({**SCHEDULED, **changes.pop("run", {})})
        settings = {"log_level": "INFO", **changes.pop("settings", {})}
        given = {"try_number": 1, "max_tries": 1, **changes}
        workload = Workload("a" * 32, dag_id, "run1", task_id, bundle="b", file="f.py", run=facts, **given)
        self.comms.place = (task_id, given.get("map_index", -1))
        word = execute(workload, dags, self.comms, settings)
        self.comms.keep(word["xcoms"])
        return word


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bundle]:
    monkeypatch.delenv("AERODROME_AIRFLOW_VERSION", raising=False)
    path, modules = list(sys.path), set(sys.modules)
    handlers, level = list(logging.root.handlers), logging.root.level
    yield Bundle(tmp_path)
    logging.captureWarnings(False)
    logging.root.handlers[:], sys.path[:] = handlers, path
    logging.root.setLevel(level)
    comms_module.set_current(None)
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture(params=["1.10.12", "2.10.3", "3.3.2"])
def generation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, bundle: Bundle) -> int:
    monkeypatch.setenv("AERODROME_AIRFLOW_VERSION", request.param)
    return int(request.param[0])
