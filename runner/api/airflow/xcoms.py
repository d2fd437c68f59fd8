"""XCom entries: what tasks left for others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from airflow._wire import encoding
from starlette.responses import Response

from runner.api import xcom_values as values
from runner.api.airflow.bodies import XComCreate, XComUpdate
from runner.api.airflow.dags import list_dags_named
from runner.api.airflow.task_instances import map_index_of
from runner.api.answers import empty, moment, reply
from runner.api.call import Call
from runner.api.errors import ApiError, not_found
from runner.api.query import Query
from runner.store import xcoms as store
from runner.store.listing_runs import find_task_instance
from runner.store.xcoms import Place, Stored, XComFilter
from sync.objects import ObjectStoreError


def list_xcoms(call: Call) -> Response:
    """GET …/xcomEntries; '~' is all DAGs, runs or tasks. Values are left to the single entry."""
    query = call.query()
    index = query.number("map_index", None, least=-1)
    place = _place(call, query.number("map_index_filter", index, least=-1))
    wanted, window = _read_filter(query), query.window()
    called = (query.text("dag_display_name_pattern"), query.text("dag_display_name_prefix_pattern"))
    query.check()
    with call.cell.db.read() as conn:
        if any(called):
            wanted = replace(wanted, dag_ids=list_dags_named(call, conn, *called))
        rows, total = store.list_xcoms(conn, place, window, wanted)
        names = _names(call, conn, rows)
    return reply({"xcom_entries": [_body(row, names) for row in rows], "total_entries": total})


def _read_filter(query: Query) -> XComFilter:
    columns = {"xcom_key": "key", "run_id": "run_id", "task_id": "task_id"}
    return XComFilter(
        query.text("xcom_key"),
        patterns={column: query.text(f"{name}_pattern") for name, column in columns.items()},
        prefixes={column: query.text(f"{name}_prefix_pattern") for name, column in columns.items()},
        bounds={name: query.bounds(name) for name in ("logical_date", "run_after")},
    )


def get_xcom(call: Call) -> Response:
    """GET …/xcomEntries/{xcom_key}: with its value, as JSON; stringify=true gives it as text."""
    query = call.query()
    stringify = query.flag("stringify", False)
    query.flag("deserialize", False)
    query.check()
    with call.cell.db.read() as conn:
        row = store.find_xcom(conn, _place(call, map_index_of(call)), call.path["xcom_key"])
        if row is None:
            raise not_found("XCom entry", call.path["xcom_key"])
        names = _names(call, conn, [row])
    with _reaching_bucket():
        value = encoding.loads(values.read_text(call.cell, Stored(row.value, row.blob)))
    return reply({**_body(row, names), "value": _as_text(value) if stringify else value})


def post_xcom(call: Call) -> Response:
    """POST …/xcomEntries"""
    body = call.parse(XComCreate)
    place = _place(call, body.map_index)
    with call.cell.db.read() as conn:
        _check_task(conn, place, body.map_index)
    if values.exists(call.cell, place, body.key):
        raise ApiError("conflict", f"cannot create XCom entry {body.key!r}: it exists; PATCH changes it")
    return _write(call, place, body.key, body.value, 201)


def patch_xcom(call: Call) -> Response:
    """PATCH …/xcomEntries/{xcom_key}"""
    body = call.parse(XComUpdate)
    place, key = _place(call, body.map_index), call.path["xcom_key"]
    if not values.exists(call.cell, place, key):
        raise not_found("XCom entry", key)
    return _write(call, place, key, body.value, 200)


def delete_xcom(call: Call) -> Response:
    """DELETE …/xcomEntries/{xcom_key}"""
    place, key = _place(call, map_index_of(call)), call.path["xcom_key"]
    with call.begin() as conn:
        blobs = store.list_blobs(conn, place, key)
        if not store.delete_xcom(conn, place, key):
            raise not_found("XCom entry", key)
    call.cell.blobs.drop(blobs)
    return empty()


def _write(call: Call, place: Place, key: str, value: Any, status: int) -> Response:
    with _reaching_bucket():
        values.put_plain(call.cell, place, key, encoding.to_plain(value))
    with call.begin() as conn:  # the event log's entry
        row = store.find_xcom(conn, place, key)
        if row is None:
            raise not_found("XCom entry", key)  # somebody deleted it meanwhile
        names = _names(call, conn, [row])
    return reply({**_body(row, names), "value": value}, status)


@contextmanager
def _reaching_bucket() -> Iterator[None]:
    """Large values lie in the logs bucket: without it they cannot be had for now."""
    try:
        yield
    except ObjectStoreError as error:
        raise ApiError("unavailable", f"cannot reach a large XCom value: {error}") from None


def _place(call: Call, map_index: int | None) -> Place:
    return Place(call.path["dag_id"], call.path["dag_run_id"], call.path["task_id"], map_index)


def _check_task(conn: Any, place: Place, map_index: int) -> None:
    """Raises ApiError (not_found) unless the run has this instance of the task."""
    if find_task_instance(conn, place.dag_id, place.run_id, place.task_id, map_index) is None:
        raise not_found("task instance", place.task_id)


def _names(call: Call, conn: Any, rows: list[Any]) -> dict[tuple[str, str], tuple[str, str]]:
    """(dag_id, task_id) -> display names."""
    summaries = call.summaries.get(conn, [row.version_id for row in rows])
    names = {}
    for row in rows:
        summary = summaries[row.version_id]
        task = summary.task_names.get(row.task_id, row.task_id)
        names[row.dag_id, row.task_id] = (summary.display_name, task)
    return names


def _body(row: Any, names: dict[tuple[str, str], tuple[str, str]]) -> dict[str, Any]:
    dag_name, task_name = names[row.dag_id, row.task_id]
    return {
        "key": row.key,
        "timestamp": moment(row.created_at),
        "logical_date": moment(row.logical_date),
        "map_index": row.map_index,
        "task_id": row.task_id,
        "dag_id": row.dag_id,
        "run_id": row.run_id,
        "dag_display_name": dag_name,
        "task_display_name": task_name,
        "run_after": moment(row.run_after),
    }


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
