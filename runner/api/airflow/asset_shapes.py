"""Assets, their events and what waits for them, in the shapes of Airflow 3's REST API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from runner.api.airflow.masking import mask_members
from runner.api.answers import moment
from runner.store.listing_assets import Ties


def asset_body(row: Any, ties: Ties) -> dict[str, Any]:
    """A row of `listing_assets.list_assets` as AssetResponse."""
    return {
        "id": row.id,
        "name": row.name,
        "uri": row.uri,
        "group": row.group,
        "extra": mask_members(orjson.loads(row.extra)),
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "scheduled_dags": [_reference(use, False) for use in ties.uses.get("schedule", ())],
        "producing_tasks": [_reference(use, True) for use in ties.uses.get("outlet", ())],
        "consuming_tasks": [_reference(use, True) for use in ties.uses.get("inlet", ())],
        "aliases": [alias_body(alias) for alias in ties.aliases],
        "watchers": [],
        "last_asset_event": {"id": row.last_event, "timestamp": moment(row.last_at)},
    }


def _reference(use: Any, with_task: bool) -> dict[str, Any]:
    since = moment(use.created_at)
    named = {"dag_id": use.dag_id, **({"task_id": use.task_id} if with_task else {})}
    return {**named, "created_at": since, "updated_at": since}


def alias_body(row: Any) -> dict[str, Any]:
    """AssetAliasResponse."""
    return {"id": row.id, "name": row.name, "group": row.group}


def event_body(row: Any, made: Sequence[Any]) -> dict[str, Any]:
    """A row of `listing_asset_events.list_events` as AssetEventResponse. `made`: the runs that took it."""
    return {
        "id": row.id,
        "asset_id": row.asset,
        "uri": row.uri,
        "name": row.name,
        "group": row.group,
        "extra": mask_members(orjson.loads(row.extra)),
        "source_task_id": row.source_task_id,
        "source_dag_id": row.source_dag_id,
        "source_run_id": row.source_run_id,
        "source_map_index": row.source_map_index,
        "created_dagruns": [_made_run(run, row.id) for run in made],
        "timestamp": moment(row.timestamp),
        "partition_key": row.partition_key,
    }


def _made_run(run: Any, event: int) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "dag_id": run.dag_id,
        "logical_date": moment(run.logical_date),
        "start_date": moment(run.start_date),
        "end_date": moment(run.end_date),
        "state": run.state,
        "data_interval_start": moment(run.interval_start),
        "data_interval_end": moment(run.interval_end),
        "partition_key": run.partition_key,
        "triggering": run.newest == event,
    }


def queued_body(row: Any, display_name: str) -> dict[str, Any]:
    """A row of `listing_assets.list_queued` as QueuedEventResponse."""
    return {
        "dag_id": row.dag_id,
        "asset_id": row.asset,
        "created_at": moment(row.created_at),
        "dag_display_name": display_name,
    }


def warning_body(row: Any, display_name: str) -> dict[str, Any]:
    """A row of `listing_assets.list_conflicts` as DAGWarningResponse."""
    taken = ("name", row.other_uri) if row.other_name == row.name else ("uri", row.other_name)
    shown = f"Asset(name={row.name!r}, uri={row.uri!r}, group={row.group!r})"
    return {
        "dag_id": row.dag_id,
        "warning_type": "asset conflict",
        "message": f"cannot activate {shown}: its {taken[0]} belongs to {taken[1]!r} already",
        "timestamp": moment(row.updated_at),
        "dag_display_name": display_name,
    }


def asset_expression(condition: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A serialised condition as DAGDetailsResponse shows it."""
    if condition is None:
        return None
    for name in ("any", "all"):
        if name in condition:
            return {name: [asset_expression(part) for part in condition[name]]}
    kind = condition.get("kind")
    if kind == "ref":
        return {"asset_ref": {key: condition[key] for key in ("name", "uri") if key in condition}}
    members = ("name", "group") if kind == "alias" else ("uri", "name", "group")
    return {str(kind): {key: condition.get(key) for key in members}}
