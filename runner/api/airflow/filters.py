"""From query parameters and batch bodies to the filters of the store."""

from __future__ import annotations

import datetime as dt
from typing import Any, get_args

from pydantic import BaseModel

from runner.api.airflow.bodies import RunsBatch, RunState, TaskInstancesBatch, TiState
from runner.api.query import MAX_LIMIT, Query, epoch
from runner.store.listing_page import Window
from runner.store.listing_runs import RunFilter, TiFilter

_BOUNDS = ("gte", "gt", "lte", "lt")
_MOMENTS = ("run_after", "logical_date", "start_date", "end_date", "updated_at")
_RUN_TYPES = frozenset(
    {
        "backfill",
        "scheduled",
        "manual",
        "operator_triggered",
        "asset_triggered",
        "dataset_triggered",
        "asset_materialization",
    }
)
_TI_PATTERNS = {
    "task_display_name": "task_id",
    "dag_id": "dag_id",
    "run_id": "run_id",
    "pool_name": "pool",
    "queue_name": "queue",
    "operator_name": "operator",
}
_NO_STATE = frozenset({"none", "null", "no_status"})


def read_run_filter(query: Query, dag_id: str) -> RunFilter:
    """The filter of GET /dags/{dag_id}/dagRuns."""
    return RunFilter(
        dag_ids=None if dag_id == "~" else [dag_id],
        states=list(query.choices("state", frozenset(get_args(RunState)))),
        run_types=query.choices("run_type", _RUN_TYPES),
        run_id_pattern=query.text("run_id_pattern"),
        run_id_prefix=query.text("run_id_prefix_pattern"),
        dag_id_pattern=query.text("dag_id_pattern"),
        dag_id_prefix=query.text("dag_id_prefix_pattern"),
        user_pattern=query.text("triggering_user_name_pattern"),
        conf_contains=query.text("conf_contains"),
        version_numbers=query.numbers("dag_version"),
        bundle=query.text("bundle_version"),
        partition_pattern=query.text("partition_key_pattern"),
        partition_prefix=query.text("partition_key_prefix_pattern"),
        bounds=_read_bounds(query),
    )


def read_ti_filter(query: Query, dag_id: str, run_id: str, task_id: str | None = None) -> TiFilter:
    """The filter of GET …/taskInstances, and of …/listMapped when `task_id` is given."""
    states: list[str | None] = [
        None if value in _NO_STATE else value
        for value in query.choices("state", frozenset(get_args(TiState)) | _NO_STATE)
    ]
    equal: dict[str, list[Any]] = {
        "state": states,
        "task_id": [task_id] if task_id is not None else query.texts("task_id"),
        "pool": query.texts("pool"),
        "queue": query.texts("queue"),
        "operator": query.texts("operator"),
        "try_number": query.numbers("try_number"),
        "map_index": query.numbers("map_index", -1),
    }
    return TiFilter(
        dag_ids=None if dag_id == "~" else [dag_id],
        run_ids=None if run_id == "~" else [run_id],
        equal=equal,
        patterns={column: query.text(f"{name}_pattern") for name, column in _TI_PATTERNS.items()},
        prefixes={column: query.text(f"{name}_prefix_pattern") for name, column in _TI_PATTERNS.items()},
        mapped_only=task_id is not None,
        version_numbers=query.numbers("version_number"),
        bounds=_read_bounds(query),
    )


def batch_run_filter(body: RunsBatch) -> RunFilter:
    """The filter of POST /dags/~/dagRuns/list."""
    return RunFilter(
        dag_ids=body.dag_ids,
        states=list(body.states or []),
        conf_contains=body.conf_contains,
        bounds=_body_bounds(body),
    )


def batch_ti_filter(body: TaskInstancesBatch) -> TiFilter:
    """The filter of POST /dags/~/dagRuns/~/taskInstances/list."""
    equal: dict[str, list[Any]] = {
        "task_id": body.task_ids or [],
        "state": list(body.state or []),
        "pool": body.pool or [],
        "queue": body.queue or [],
    }
    return TiFilter(dag_ids=body.dag_ids, run_ids=body.dag_run_ids, equal=equal, bounds=_body_bounds(body))


def batch_window(body: RunsBatch | TaskInstancesBatch) -> Window:
    """The page of a batch list."""
    order = (body.order_by,) if body.order_by else ()
    return Window(min(body.page_limit, MAX_LIMIT), body.page_offset, order)


def _read_bounds(query: Query) -> dict[str, dict[str, float | None]]:
    bounds = {name: {bound: query.moment(f"{name}_{bound}") for bound in _BOUNDS} for name in _MOMENTS}
    return {**bounds, "duration": {bound: query.real(f"duration_{bound}") for bound in _BOUNDS}}


def _body_bounds(body: BaseModel) -> dict[str, dict[str, float | None]]:
    return {
        name: {bound: _plain(getattr(body, f"{name}_{bound}")) for bound in _BOUNDS}
        for name in ("run_after", "logical_date", "start_date", "end_date", "duration")
    }


def _plain(value: dt.datetime | float | None) -> float | None:
    return epoch(value) if isinstance(value, dt.datetime) else value
