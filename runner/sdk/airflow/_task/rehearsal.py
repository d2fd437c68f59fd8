"""A task that does nothing, run where nobody waits so that it is cheaper where somebody does.

The base zygote runs it a few times before it forks: what is loaded, cached or specialised at first use would otherwise
be done again in every child, and every such write copies a page of memory (measured: a fifth less time for each task).
A spare runs it once: the pages that its task will write to are its own by then (a millisecond less to the body).
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow._task import comms, fork
from airflow._task.execute import execute
from airflow._wire import encoding, messages, workload
from airflow._wire.frames import FrameBuffer, encode

_SAMPLE = """
import base64, hashlib, pickle, random, uuid  # what DAG files often import, and the base zygote is too small for
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator
with DAG("rehearsal", schedule="@daily", tags=["rehearsal"]) as dag:
    tasks = [PythonOperator(task_id=f"p{i}", python_callable=int, retries=1) for i in range(4)]
    tasks >> BashOperator(task_id="b", bash_command="true")
"""


def rehearse_parsing(times: int) -> None:
    """Parse a file that means nothing, for the same reason: parse children then copy half as many pages."""
    import tempfile

    from airflow._task.parse import parse

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "rehearsal.py").write_text(_SAMPLE, encoding="utf-8")
        modules, path = len(sys.modules), sys.path[:]
        for _ in range(times):
            encode(parse(folder, "rehearsal.py"))
        sys.path[:] = path
        for name in list(sys.modules)[modules:]:
            if getattr(sys.modules[name], "__file__", None) == str(Path(folder, "rehearsal.py")):
                del sys.modules[name]


class _Nobody:
    """Nobody to ask: the rehearsed task asks nothing."""

    def ask(self, method: str, params: dict[str, Any]) -> None:
        return None


class Rehearsal:
    """The task and its work, made once."""

    def __init__(self, environment: str) -> None:
        from airflow.models.dag import DAG
        from airflow.operators.python import PythonOperator

        with DAG("rehearsal", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC)) as dag:
            PythonOperator(task_id="task", python_callable=_do_nothing)
        self._dags = {"rehearsal": dag}
        self._message = messages.work(_workload().to_message(), "/", _settings(environment))

    def run(self, times: int) -> None:
        """Run the task; what it prints and logs goes nowhere, and the process is left as it was."""
        place, handlers, level = os.dup(1), logging.root.handlers[:], logging.root.level
        fork.silence(1)
        try:
            for _ in range(times):
                (arrived,) = FrameBuffer().feed(encode(self._message))
                work = workload.from_message(arrived["workload"])
                encode(execute(work, self._dags, _Nobody(), arrived["settings"]))
        finally:
            os.dup2(place, 1)
            os.close(place)
            comms.set_current(None)
            logging.captureWarnings(False)
            logging.root.handlers[:] = handlers
            logging.root.setLevel(level)


def _do_nothing() -> None:
    """A plain function, as most tasks have: what looks into other callables would copy pages for nothing."""


def _workload() -> workload.Workload:
    at = encoding.to_plain(datetime(2024, 1, 1, tzinfo=ZoneInfo("UTC")))
    dates = ("logical_date", "data_interval_start", "data_interval_end", "run_after", "start_date")
    run = {**dict.fromkeys(dates, at), "run_type": "manual", "conf": {}, "external_trigger": True}
    return workload.Workload("", "rehearsal", "run", "task", 1, 1, "", "", run)


def _settings(environment: str) -> dict[str, Any]:
    version = os.environ.get("AERODROME_AIRFLOW_VERSION", "")
    return {"log_level": "INFO", "airflow_version": version, "environment": environment, "config": {}}
