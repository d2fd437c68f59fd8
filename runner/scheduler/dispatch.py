"""What is handed to an agent for one attempt."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow._wire import encoding
from airflow._wire.frames import Message
from airflow._wire.workload import Workload

from runner.scheduler.instances import Run, Task
from runner.store.unfinished import RunRow


def make_workload(task: Task, fresh_interpreter: bool, resume: Message | None = None) -> Message:
    """The attempt as data. `resume`: how it goes on after a deferral."""
    run = task.run
    return Workload(
        attempt=task.attempt or "",
        dag_id=run.row.dag_id,
        run_id=run.row.run_id,
        task_id=task.spec.task_id,
        try_number=task.try_number,
        max_tries=task.max_tries,
        bundle=run.row.bundle,
        file=run.plan.spec.file,
        run=_get_facts(run),
        map_index=task.map_index,
        queue=task.queue,
        execution_timeout=task.spec.execution_timeout,
        fresh_interpreter=fresh_interpreter,
        extra=_make_extra(task, resume),
    ).to_message()


def _make_extra(task: Task, resume: Message | None) -> dict[str, Any]:
    """What only some attempts have. A try that goes on after a pause knows when it began, and how often it paused."""
    extra: dict[str, Any] = {}
    if task.start_date is not None:
        extra = {"first_start": task.start_date, "reschedules": task.reschedules}
    if resume is not None:
        extra["resume"] = resume
    return extra


def _get_facts(run: Run) -> dict[str, Any]:
    """The run's facts, made once per run."""
    if run.facts is None:
        run.facts = describe_run(run.row, run.start_date)
        if run.row.partition_key is not None:
            date = encoding.to_plain(_when(run.row.partition_date))
            run.facts |= {"partition_key": run.row.partition_key, "partition_date": date}
    return run.facts


def describe_run(row: RunRow, start_date: float | None) -> dict[str, Any]:
    """A run's facts as a workload has them."""
    facts: dict[str, Any] = encoding.to_plain(
        {
            "dag_id": row.dag_id,
            "run_id": row.run_id,
            "run_type": row.run_type,
            "logical_date": _when(row.logical_date),
            "data_interval_start": _when(row.interval_start),
            "data_interval_end": _when(row.interval_end),
            "run_after": _when(row.run_after),
            "queued_at": _when(row.queued_at),
            "start_date": _when(start_date),
            "external_trigger": row.run_type == "manual",
            "triggered_by": row.triggered_by,
            "conf": encoding.loads(row.conf),
        }
    )
    return facts


def _when(seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)
