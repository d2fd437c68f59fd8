"""DAGs, versions and tasks in the shapes of Airflow 3's REST API."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

from runner.api.airflow.asset_shapes import asset_expression
from runner.api.airflow.summaries import Summary
from runner.api.airflow.timetable_shapes import describe_timetable, is_periodic, timetable_summary
from runner.api.answers import moment, stable_uuid

BUNDLE_NAME = "dags-folder"
DAGS_FOLDER = "/usr/local/airflow/dags"
"""Where MWAA shows DAG files to be; the cell's own paths are nobody's business."""


def dag_body(row: Any, summary: Summary) -> dict[str, Any]:
    """A row of `listing_dags` as DAGResponse."""
    periodic = is_periodic(summary.timetable)
    return {
        "dag_id": row.dag_id,
        "dag_display_name": summary.display_name,
        "is_paused": row.is_paused,
        "is_stale": row.is_stale,
        "last_parsed_time": moment(row.last_parsed),
        "last_parse_duration": row.parse_seconds,
        "last_expired": None,
        "bundle_name": BUNDLE_NAME,
        "bundle_version": row.file_bundle,
        "relative_fileloc": row.file,
        "fileloc": f"{DAGS_FOLDER}/{row.file}",
        "description": summary.description,
        "timetable_summary": timetable_summary(summary.timetable),
        "timetable_description": describe_timetable(summary.timetable),
        "timetable_partitioned": not {"partition", "partitions"}.isdisjoint(summary.timetable),
        "timetable_periodic": periodic,
        "tags": [
            {"name": tag, "dag_id": row.dag_id, "dag_display_name": summary.display_name}
            for tag in sorted(summary.tags)
        ],
        "max_active_tasks": summary.max_active_tasks,
        "max_active_runs": summary.max_active_runs,
        "max_consecutive_failed_dag_runs": summary.max_consecutive_failed,
        "has_task_concurrency_limits": summary.limits_tasks,
        "has_import_errors": bool(row.has_import_errors),
        "next_dagrun_logical_date": moment(row.next_logical_date),
        "next_dagrun_data_interval_start": moment(row.next_interval_start),
        "next_dagrun_data_interval_end": moment(row.next_interval_end),
        "next_dagrun_run_after": moment(row.next_run_after),
        "allowed_run_types": summary.run_types,
        "owners": list(summary.owners),
        "is_backfillable": periodic and (summary.run_types is None or "backfill" in summary.run_types),
        "file_token": base64.urlsafe_b64encode(row.file.encode()).decode(),
    }


def details_body(
    row: Any, summary: Summary, version: Any, data: dict[str, Any], active_runs: int
) -> dict[str, Any]:
    """DAGDetailsResponse: the DAG with what only its serialised form knows."""
    return {
        **dag_body(row, summary),
        "catchup": bool(data.get("catchup")),
        "dag_run_timeout": iso_duration(data.get("dagrun_timeout")),
        "asset_expression": asset_expression(summary.timetable.get("condition")),
        "doc_md": data.get("doc_md"),
        "start_date": date_text(data.get("start_date")),
        "end_date": date_text(data.get("end_date")),
        "is_paused_upon_creation": data.get("is_paused_upon_creation"),
        "params": {name: param_body(param) for name, param in (data.get("params") or {}).items()},
        "render_template_as_native_obj": bool(data.get("render_template_as_native_obj")),
        "template_search_path": None,
        "timezone": data.get("timezone") or "UTC",
        "last_parsed": moment(row.last_parsed),
        "default_args": {},
        "rerun_with_latest_version": data.get("rerun_with_latest_version"),
        "owner_links": data.get("owner_links") or {},
        "is_favorite": False,
        "active_runs_count": active_runs,
        "concurrency": summary.max_active_tasks,
        "latest_dag_version": version_body(version.id, row.dag_id, version, summary.display_name),
    }


def version_body(version_id: int, dag_id: str, row: Any, display_name: str) -> dict[str, Any]:
    """DagVersionResponse from a row of `dag_version`."""
    return version_facts(version_id, dag_id, row.number, row.bundle, row.created_at, display_name)


def version_facts(
    version_id: int, dag_id: str, number: int, bundle: str, created_at: float, display_name: str
) -> dict[str, Any]:
    """DagVersionResponse from its facts."""
    return {
        "id": stable_uuid(1, version_id),
        "version_number": number,
        "dag_id": dag_id,
        "bundle_name": BUNDLE_NAME,
        "bundle_version": bundle,
        "created_at": moment(created_at),
        "dag_display_name": display_name,
        "bundle_url": None,
    }


def task_body(task: dict[str, Any], downstream: list[str], doc_params: dict[str, Any]) -> dict[str, Any]:
    """TaskResponse from a serialised task; whoever serialised it wrote every key."""
    operator = task["operator"]
    return {
        "task_id": task["task_id"],
        "task_display_name": task["display_name"] or task["task_id"],
        "owner": task["owner"],
        "start_date": date_text(task["start_date"]),
        "end_date": date_text(task["end_date"]),
        "trigger_rule": task["trigger_rule"],
        "depends_on_past": task["depends_on_past"],
        "wait_for_downstream": task["wait_for_downstream"],
        "retries": task["retries"],
        "queue": task["queue"],
        "pool": task["pool"],
        "pool_slots": task["pool_slots"],
        "execution_timeout": time_delta(task["execution_timeout"]),
        "retry_delay": time_delta(task["retry_delay"]),
        "retry_exponential_backoff": task["retry_exponential_backoff"],
        "priority_weight": task["priority_weight"],
        "weight_rule": task["weight_rule"],
        "ui_color": task["ui_color"],
        "ui_fgcolor": task["ui_fgcolor"],
        "template_fields": task["template_fields"],
        "downstream_task_ids": downstream,
        "doc_md": task["doc_md"],
        "operator_name": operator,
        "params": doc_params,
        "class_ref": {"class_name": operator, "module_path": None},
        "is_mapped": task["mapped"] is not None,
        "extra_links": task["extra_links"],
    }


def param_body(param: Any) -> dict[str, Any]:
    """A param as Airflow shows it, whether it was written as a bare default or with a schema."""
    if (
        isinstance(param, dict)
        and "value" in param
        and param.keys() <= {"value", "schema", "description", "source"}
    ):
        return {"description": None, "source": None, "schema": {}, **param}
    return {"value": param, "schema": {}, "description": None, "source": None}


def time_delta(seconds: float | None) -> dict[str, Any] | None:
    """TimeDelta."""
    if seconds is None:
        return None
    delta = dt.timedelta(seconds=seconds)
    return {
        "__type": "TimeDelta",
        "days": delta.days,
        "seconds": delta.seconds,
        "microseconds": delta.microseconds,
    }


def iso_duration(seconds: float | None) -> str | None:
    """ISO 8601: PT90S as PT1M30S."""
    if seconds is None:
        return None
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    clock = "".join(
        f"{value:g}{unit}" for value, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if value
    )
    text = (f"{days:g}D" if days else "") + (f"T{clock}" if clock else "")
    return "P" + (text or "T0S")


def date_text(text: str | None) -> str | None:
    """A date of a serialised DAG as the API writes dates: in UTC."""
    if text is None:
        return None
    when = dt.datetime.fromisoformat(text)
    aware = when if when.tzinfo else when.replace(tzinfo=dt.UTC)
    return moment(aware.timestamp())
