"""From query parameters and batch bodies to the filters of the store."""

from __future__ import annotations

import datetime as dt
from typing import Any, get_args

from pydantic import BaseModel

from runner.api.airflow.batches import RunsBatch, TaskInstancesBatch
from runner.api.airflow.bodies import RunState, TiState
from runner.api.query import BOUNDS, MAX_LIMIT, Query, epoch
from runner.store.listing_page import Window
from runner.store.listing_runs import RunFilter, TiFilter

_MOMENTS = ("run_after", "logical_date", "start_date", "end_date", "updated_at")
RUN_TYPES = frozenset(
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
    "rendered_map_index": "map_index_label",
}
_NO_STATE = frozenset({"none", "null", "no_status"})


def read_run_filter(query: Query, dag_id: str, now: float) -> RunFilter:
    """The filter of GET /dags/{dag_id}/dagRuns."""
    return RunFilter(
        dag_ids=None if dag_id == "~" else [dag_id],
        states=_read_states(query, frozenset(get_args(RunState))),
        run_types=query.states("run_type", RUN_TYPES),
        run_id_pattern=query.text("run_id_pattern"),
        run_id_prefix=query.text("run_id_prefix_pattern"),
        dag_id_pattern=query.text("dag_id_pattern"),
        dag_id_prefix=query.text("dag_id_prefix_pattern"),
        user_pattern=query.text("triggering_user_name_pattern"),
        user_prefix=query.text("triggering_user_name_prefix_pattern"),
        asset_pattern=query.text("consuming_asset_pattern"),
        conf_contains=query.text("conf_contains"),
        version_numbers=query.numbers("dag_version"),
        bundle=query.text("bundle_version"),
        partition_pattern=query.text("partition_key_pattern"),
        partition_prefix=query.text("partition_key_prefix_pattern"),
        bounds=_read_bounds(query),
        now=now,
    )


def read_ti_filter(
    query: Query, dag_id: str, run_id: str, now: float, task_id: str | None = None
) -> TiFilter:
    """The filter of GET …/taskInstances, and of …/listMapped when `task_id` is given."""
    equal: dict[str, list[Any]] = {
        "state": _read_states(query, frozenset(get_args(TiState))),
        "task_id": [task_id] if task_id is not None else query.texts("task_id"),
        "pool": query.texts("pool"),
        "queue": query.texts("queue"),
        "operator": query.texts("operator"),
        "try_number": query.numbers("try_number"),
        "map_index": query.numbers("map_index"),
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
        now=now,
        nothing="executor" in query,
    )


def _read_states(query: Query, known: frozenset[str]) -> list[str | None]:
    """The states asked for; None: what has no state."""
    found = query.states("state", known | _NO_STATE)
    return [None if value in _NO_STATE else value for value in found]


def batch_run_filter(body: RunsBatch, now: float) -> RunFilter:
    """The filter of POST /dags/~/dagRuns/list."""
    return RunFilter(
        dag_ids=body.dag_ids,
        states=list(body.states or []),
        conf_contains=body.conf_contains,
        bounds=_body_bounds(body),
        now=now,
    )


def batch_ti_filter(body: TaskInstancesBatch, now: float) -> TiFilter:
    """The filter of POST /dags/~/dagRuns/~/taskInstances/list."""
    equal: dict[str, list[Any]] = {
        "task_id": body.task_ids or [],
        "state": list(body.state or []),
        "pool": body.pool or [],
        "queue": body.queue or [],
    }
    return TiFilter(
        dag_ids=body.dag_ids,
        run_ids=body.dag_run_ids,
        equal=equal,
        bounds=_body_bounds(body),
        now=now,
        nothing=bool(body.executor),
    )


def batch_window(body: RunsBatch | TaskInstancesBatch) -> Window:
    """The page of a batch list."""
    order = (body.order_by,) if body.order_by else ()
    return Window(min(body.page_limit, MAX_LIMIT), body.page_offset, order)


def _read_bounds(query: Query) -> dict[str, dict[str, float | None]]:
    bounds = {name: query.bounds(name) for name in _MOMENTS}
    return {**bounds, "duration": {bound: query.real(f"duration_{bound}") for bound in BOUNDS}}


def _body_bounds(body: BaseModel) -> dict[str, dict[str, float | None]]:
    return {
        name: {bound: _plain(getattr(body, f"{name}_{bound}")) for bound in BOUNDS}
        for name in ("run_after", "logical_date", "start_date", "end_date", "duration")
    }


def _plain(value: dt.datetime | float | None) -> float | None:
    return epoch(value) if isinstance(value, dt.datetime) else value
