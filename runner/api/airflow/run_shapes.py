"""Runs, task instances and tries in the shapes of Airflow 3's REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from runner.api.airflow.dag_shapes import version_facts
from runner.api.airflow.summaries import Summary
from runner.api.answers import moment, span, stable_uuid

_TRIGGERED_BY = {"scheduler": "timetable"}


def run_body(row: Any, summary: Summary) -> dict[str, Any]:
    """A row of `listing_runs.list_runs` as DAGRunResponse."""
    return {
        "dag_run_id": row.run_id,
        "dag_id": row.dag_id,
        "logical_date": moment(row.logical_date),
        "queued_at": moment(row.queued_at),
        "start_date": moment(row.start_date),
        "end_date": moment(row.end_date),
        "duration": span(row.start_date, row.end_date),
        "data_interval_start": moment(row.interval_start),
        "data_interval_end": moment(row.interval_end),
        "run_after": moment(row.run_after),
        "last_scheduling_decision": None,
        "run_type": row.run_type,
        "state": row.state,
        "triggered_by": _TRIGGERED_BY.get(row.triggered_by, row.triggered_by),
        "triggering_user_name": row.triggering_user,
        "conf": orjson.loads(row.conf),
        "note": row.note,
        "dag_versions": [_version(row, summary)],
        "bundle_version": row.bundle,
        "dag_display_name": summary.display_name,
        "partition_key": row.partition_key,
        "partition_date": moment(row.partition_date),
    }


def ti_body(row: Any, summary: Summary, waiting: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """A row of `listing_runs.list_task_instances` as TaskInstanceResponse. `waiting`: see `waiting.list_triggers`.

    `max_tries` is Airflow's: how many tries may follow the first.
    """
    return {
        "id": stable_uuid(2, row.id),
        **_common(row, summary),
        "logical_date": moment(row.logical_date),
        "run_after": moment(row.run_after),
        "start_date": moment(row.start_date),
        "end_date": moment(row.end_date),
        "duration": span(row.start_date, row.end_date),
        "state": row.state,
        "try_number": row.try_number,
        "hostname": row.host,
        "pid": row.pid,
        "queued_when": moment(row.queued_at),
        "scheduled_when": _scheduled(row),
        "note": row.note,
        "rendered_map_index": _label(row),
        "rendered_fields": {},
        **(waiting.get(row.id) or {"trigger": None, "triggerer_job": None}),
        "reason": row.reason,
    }


def _scheduled(row: Any) -> str | None:
    """What did not have to wait for a slot was scheduled when it was queued."""
    return moment(row.queued_at if row.scheduled_at is None else row.scheduled_at)


def _label(row: Any) -> str | None:
    """What people call an instance of a mapped task: by its map_index_template, or by its index."""
    if row.map_index < 0:
        return None
    return str(row.map_index) if row.map_index_label is None else str(row.map_index_label)


def try_bodies(row: Any, tries: list[Any], summary: Summary) -> list[dict[str, Any]]:
    """TaskInstanceHistoryResponse of the tries that are over, then the current one, which need not have begun."""
    past = [_try(row, item, summary) for item in tries]
    is_kept = any(item.try_number == row.try_number for item in tries)  # cleared, and not begun again
    return past if is_kept else [*past, _try(row, row, summary)]


def _try(row: Any, item: Any, summary: Summary) -> dict[str, Any]:
    is_current = item is row
    return {
        **_common(row, summary),
        "start_date": moment(item.start_date),
        "end_date": moment(item.end_date),
        "duration": span(item.start_date, item.end_date),
        "state": item.state,
        "try_number": item.try_number,
        "hostname": item.host,
        "pid": item.pid,
        "queued_when": moment(row.queued_at) if is_current else None,
        "scheduled_when": _scheduled(row) if is_current else None,
        "reason": item.reason,
    }


def _common(row: Any, summary: Summary) -> dict[str, Any]:
    return {
        "task_id": row.task_id,
        "dag_id": row.dag_id,
        "dag_run_id": row.run_id,
        "map_index": row.map_index,
        "max_tries": row.max_tries - 1,
        "task_display_name": summary.task_names.get(row.task_id, row.task_id),
        "dag_display_name": summary.display_name,
        "unixname": None,
        "pool": row.pool,
        "pool_slots": row.pool_slots,
        "queue": row.queue,
        "priority_weight": row.priority_weight,
        "operator": row.operator,
        "operator_name": row.operator,
        "executor": None,
        "executor_config": "{}",
        "dag_version": _version(row, summary),
    }


def _version(row: Any, summary: Summary) -> dict[str, Any]:
    facts = (row.version_id, row.dag_id, row.version_number, row.version_bundle, row.version_created_at)
    return version_facts(*facts, summary.display_name)
