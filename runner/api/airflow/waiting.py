"""What deferred task instances wait for, as Airflow's REST API shows it: the trigger, and its process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from runner.api.airflow.admin import job_body
from runner.api.answers import moment
from runner.domain.states import TaskInstanceState
from runner.store.listing_processes import list_processes
from runner.store.listing_runs import list_rendered
from runner.store.triggers import list_waiting

Waiting = dict[int, dict[str, Any]]


def list_triggers(conn: sa.Connection, rows: Sequence[Any], now: float) -> Waiting:
    """`trigger` and `triggerer_job` of the task instances among `rows` that are deferred, by their ids, and
    `rendered_fields` of those that have any.

    A trigger's arguments may be secret: as in Airflow, `kwargs` is always empty.
    """
    nothing: dict[str, Any] = {"trigger": None, "triggerer_job": None}
    shown = {
        key: {**nothing, "rendered_fields": json.loads(text)}
        for key, text in list_rendered(conn, [row.id for row in rows]).items()
    }
    deferred = [row.id for row in rows if row.state == TaskInstanceState.DEFERRED]
    if not deferred:
        return shown
    found = list_waiting(conn, deferred)
    job = next((job_body(row, now) for row in list_processes(conn) if row.role == "triggerer"), None)
    for key, row in found.items():
        shown[key] = {**shown.get(key, {}), "trigger": _body(row), "triggerer_job": job}
    return shown


def _body(row: Any) -> dict[str, Any]:
    return {
        "id": row.task_instance,
        "classpath": row.classpath,
        "kwargs": "{}",
        "created_date": moment(row.created_at),
        "queue": None,
        "triggerer_id": None,
    }
