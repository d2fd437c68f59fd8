"""What people's requests leave in the event log: which of them do, under Airflow's names, and without secrets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import orjson

from runner.api.airflow.masking import MASK, is_sensitive, mask_members
from runner.store.event_log import Entry

_DAG = "/dags/{dag_id}"
_RUN = f"{_DAG}/dagRuns/{{dag_run_id}}"
_TI = f"{_RUN}/taskInstances/{{task_id}}"
_GROUP = f"{_RUN}/taskGroupInstances/{{group_id}}"
_XCOM = f"{_TI}/xcomEntries"

EVENTS: Mapping[tuple[str, str], str] = {
    ("PATCH", "/dags"): "patch_dags",
    ("PATCH", _DAG): "patch_dag",
    ("DELETE", _DAG): "delete_dag",
    ("POST", f"{_DAG}/dagRuns"): "trigger_dag_run",
    ("PATCH", _RUN): "patch_dag_run",
    ("DELETE", _RUN): "delete_dag_run",
    ("POST", f"{_RUN}/clear"): "clear_dag_run",
    ("POST", f"{_DAG}/clearDagRuns"): "clear_dag_runs",
    ("POST", f"{_DAG}/clearPartitions"): "clear_dag_run_partitions",
    ("POST", f"{_DAG}/clearTaskInstances"): "post_clear_task_instances",
    ("PATCH", _TI): "patch_task_instance",
    ("PATCH", f"{_TI}/{{map_index}}"): "patch_task_instance",
    ("PATCH", _GROUP): "patch_task_group_instances",
    ("POST", _XCOM): "create_xcom_entry",
    ("PATCH", f"{_XCOM}/{{xcom_key:path}}"): "update_xcom_entry",
    ("DELETE", f"{_XCOM}/{{xcom_key:path}}"): "delete_xcom_entry",
    ("POST", "/variables"): "post_variable",
    ("PATCH", "/variables/{variable_key:path}"): "patch_variable",
    ("DELETE", "/variables/{variable_key:path}"): "delete_variable",
    ("POST", "/connections"): "post_connection",
    ("PATCH", "/connections/{connection_id}"): "patch_connection",
    ("DELETE", "/connections/{connection_id}"): "delete_connection",
    ("POST", "/pools"): "post_pool",
    ("PATCH", "/variables"): "bulk_variables",
    ("PATCH", "/connections"): "bulk_connections",
    ("PATCH", "/pools"): "bulk_pools",
    ("PATCH", "/pools/{pool_name}"): "patch_pool",
    ("DELETE", "/pools/{pool_name}"): "delete_pool",
    ("POST", "/assets/events"): "create_asset_event",
    ("POST", "/assets/{asset_id}/materialize"): "materialize_asset",
    ("DELETE", "/assets/{asset_id}/queuedEvents"): "delete_asset_queued_events",
    ("DELETE", f"{_DAG}/assets/queuedEvents"): "delete_dag_asset_queued_events",
    ("DELETE", f"{_DAG}/assets/{{asset_id}}/queuedEvents"): "delete_dag_asset_queued_event",
    ("POST", "/backfills"): "create_backfill",
    ("PUT", "/backfills/{backfill_id}/pause"): "pause_backfill",
    ("PUT", "/backfills/{backfill_id}/unpause"): "unpause_backfill",
    ("PUT", "/backfills/{backfill_id}/cancel"): "cancel_backfill",
}
"""Method and path (as in `routes`) -> the name of the event. What is not here leaves none."""
_PLACES = frozenset({"dag_id", "task_id", "dag_run_id", "run_id", "map_index", "logical_date"})
_LONGEST = 10_000


def make_entry(event: str, user: str, path: Mapping[str, Any], body: bytes) -> Entry:
    """The entry of a request that was understood already."""
    said = _read_object(body)
    places = {**{name: said.get(name) for name in _PLACES}, **path}
    extra = {name: value for name, value in path.items() if name not in _PLACES}
    extra |= {name: value for name, value in _mask(event, said).items() if name not in _PLACES}
    return Entry(
        event=event,
        owner=user,
        dag_id=_text(places.get("dag_id")),
        task_id=_text(places.get("task_id")),
        run_id=_text(places.get("dag_run_id") or places.get("run_id")),
        map_index=_number(places.get("map_index")),
        logical_date=_moment(places.get("logical_date")),
        extra=orjson.dumps(extra).decode()[:_LONGEST],
    )


def _mask(event: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """The request's body as it may be kept: of variables and of a connection's extra only the names."""
    if event.startswith("bulk_"):
        said = {name: MASK if name == "actions" else value for name, value in said.items()}
    shown: dict[str, Any] = mask_members(dict(said))
    if "variable" in event:
        shown |= {name: MASK for name in ("value", "val") if name in said}
    if "xcom" in event and "value" in said:
        shown["value"] = MASK
    if "connection" in event and said.get("extra"):
        kept = _read_object(str(said["extra"]).encode())
        shown["extra"] = dict.fromkeys(kept, MASK) if kept else MASK
    return {name: MASK if is_sensitive(name) and value else value for name, value in shown.items()}


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value[:250] if isinstance(value, str) else None


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _moment(value: Any) -> float | None:
    try:
        when = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return (when if when.tzinfo else when.replace(tzinfo=dt.UTC)).timestamp()
