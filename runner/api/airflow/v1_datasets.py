"""Datasets: what REST v1 calls assets. A dataset is known by its URI there, also in paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow import assets
from runner.api.airflow.bodies import DatasetEventPost
from runner.api.answers import reply
from runner.api.auth import Role
from runner.api.call import Call, Handler
from runner.api.errors import not_found
from runner.store import listing_assets

_QUEUED = "queued_events"


def list_routes() -> list[tuple[str, str, Handler, Role]]:
    """Method, path, handler and role of what v1 has of its own."""
    one, of_dag = "/datasets/queuedEvent/{uri:path}", "/dags/{dag_id}/datasets/queuedEvent"
    read, write = Role.VIEWER, Role.OP
    return [
        ("GET", "/datasets", list_datasets, read),
        ("GET", "/datasets/events", list_events, read),
        ("POST", "/datasets/events", post_event, write),
        ("GET", one, queued, read),
        ("DELETE", one, delete_queued, write),
        ("GET", "/datasets/{uri:path}", get_dataset, read),
        ("GET", of_dag, queued, read),
        ("DELETE", of_dag, delete_queued, write),
        ("GET", f"{of_dag}/{{uri:path}}", queued_one, read),
        ("DELETE", f"{of_dag}/{{uri:path}}", delete_queued, write),
        ("GET", "/dags/{dag_id}/dagRuns/{dag_run_id}/upstreamDatasetEvents", list_of_run, read),
    ]


def list_datasets(call: Call) -> Response:
    """GET /datasets"""
    body = _read(assets.list_assets(call))
    return reply(
        {"datasets": [_dataset(row) for row in body["assets"]], "total_entries": body["total_entries"]}
    )


def get_dataset(call: Call) -> Response:
    """GET /datasets/{uri}"""
    return reply(_dataset(_read(assets.get_asset(_with_asset(call)))))


def list_events(call: Call) -> Response:
    """GET /datasets/events"""
    given = call.params.get("dataset_id")
    params = call.params if given is None else type(call.params)({**call.params, "asset_id": given})
    return _events(assets.list_events(replace(call, params=params)))


def list_of_run(call: Call) -> Response:
    """GET /dags/{dag_id}/dagRuns/{dag_run_id}/upstreamDatasetEvents"""
    return _events(assets.list_of_run(call))


def post_event(call: Call) -> Response:
    """POST /datasets/events"""
    body = call.parse(DatasetEventPost)
    with call.cell.db.read() as conn:
        number = _find(conn, body.dataset_uri)
    data = orjson.dumps({"asset_id": number, "extra": body.extra})
    return reply(_event(_read(assets.post_event(replace(call, body=data)))))


def queued(call: Call) -> Response:
    """GET …/queuedEvent of a dataset or of a DAG"""
    named = _with_asset(call)
    body = _read(assets.list_queued(named))
    uris = _find_uris(call, [item["asset_id"] for item in body[_QUEUED]])
    items = [_queued(item, uris) for item in body[_QUEUED]]
    return reply({_QUEUED: items, "total_entries": body["total_entries"]})


def queued_one(call: Call) -> Response:
    """GET /dags/{dag_id}/datasets/queuedEvent/{uri}"""
    item = _read(assets.get_queued(_with_asset(call)))
    return reply(_queued(item, _find_uris(call, [item["asset_id"]])))


def delete_queued(call: Call) -> Response:
    """DELETE …/queuedEvent"""
    return assets.delete_queued(_with_asset(call))


def _with_asset(call: Call) -> Call:
    """The call with the asset's number in the place of its URI."""
    if "uri" not in call.path:
        return call
    with call.cell.db.read() as conn:
        number = _find(conn, call.path["uri"])
    return replace(call, path={**call.path, "asset_id": number})


def _find(conn: sa.Connection, uri: str) -> int:
    row = listing_assets.find_active(conn, None, uri)
    if row is None:
        raise not_found("dataset", uri)
    return int(row.id)


def _find_uris(call: Call, numbers: list[int]) -> dict[int, str]:
    with call.cell.db.read() as conn:
        return {number: listing_assets.find_asset(conn, number).uri for number in set(numbers)}


def _read(response: Response) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(response.body)
    return body


def _dataset(row: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: row[name] for name in ("id", "uri", "extra", "created_at", "updated_at", "aliases")}
    return {**named, "consuming_dags": row["scheduled_dags"], "producing_tasks": row["producing_tasks"]}


def _events(response: Response) -> Response:
    body = _read(response)
    events = [_event(row) for row in body["asset_events"]]
    return reply({"dataset_events": events, "total_entries": body["total_entries"]})


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    hidden = ("asset_id", "uri", "name", "group", "partition_key", "created_dagruns")
    made = [
        {key: value for key, value in run.items() if key not in ("partition_key", "triggering")}
        for run in row["created_dagruns"]
    ]
    rest = {key: value for key, value in row.items() if key not in hidden}
    return {**rest, "dataset_id": row["asset_id"], "dataset_uri": row["uri"], "created_dagruns": made}


def _queued(item: Mapping[str, Any], uris: Mapping[int, str]) -> dict[str, Any]:
    return {"dag_id": item["dag_id"], "uri": uris[item["asset_id"]], "created_at": item["created_at"]}
