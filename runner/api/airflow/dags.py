"""DAGs: what they are, and whether they are paused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from starlette.responses import PlainTextResponse, Response

from runner.api.airflow.bodies import DagPatch
from runner.api.airflow.dag_shapes import (
    BUNDLE_NAME,
    dag_body,
    details_body,
    param_body,
    task_body,
    version_body,
)
from runner.api.airflow.summaries import Summary
from runner.api.answers import empty, reply
from runner.api.call import Call
from runner.api.errors import ApiError, not_found
from runner.api.query import Query
from runner.store import listing_dags
from runner.store.dags import set_paused
from runner.store.listing_dags import DagFilter
from runner.store.listing_page import Page, Window, is_match, is_start
from runner.store.user_edits import delete_dag as delete_dag_rows
from runner.store.xcoms import Place, list_blobs

_RUN_STATES = frozenset({"queued", "running", "success", "failed"})
_ACCEPTED = re.compile(r"(\*/\*|application/\*|text/\*|application/json|text/plain)")


@dataclass(frozen=True, slots=True)
class _Inside:
    """Filters by what is in the serialised DAG. What is None or empty does not filter."""

    tags: frozenset[str] = frozenset()
    all_tags: bool = False
    owners: frozenset[str] = frozenset()
    name_pattern: str | None = None
    name_prefix: str | None = None
    nothing: bool = False
    """By what no DAG has: another bundle's name, somebody's favourites."""

    def takes(self, summary: Summary) -> bool:
        """Whether the DAG is wanted."""
        named, name = set(summary.tags), summary.display_name
        return (
            not self.nothing
            and (not self.tags or (self.tags <= named if self.all_tags else bool(self.tags & named)))
            and (not self.owners or not self.owners.isdisjoint(summary.owners))
            and is_match(name, self.name_pattern)
            and is_start(name, self.name_prefix)
        )


def _read_inside(query: Query) -> _Inside:
    mode = query.one("tags_match_mode", ("any", "all"))
    elsewhere = query.text("bundle_name") not in (None, BUNDLE_NAME)
    return _Inside(
        frozenset(query.texts("tags")),
        mode == "all",
        frozenset(query.texts("owners")),
        query.text("dag_display_name_pattern"),
        query.text("dag_display_name_prefix_pattern"),
        elsewhere or query.flag("is_favorite") is True,
    )


def read_dag_filter(call: Call) -> tuple[DagFilter, _Inside, Window]:
    """What a request says about which DAGs. Raises ApiError."""
    query = call.query()
    wanted = DagFilter(
        pattern=query.text("dag_id_pattern"),
        prefix=query.text("dag_id_prefix_pattern"),
        paused=query.flag("paused"),
        exclude_stale=query.flag("exclude_stale", True) is not False,
        has_import_errors=query.flag("has_import_errors"),
        last_run_state=next(iter(query.choices("last_dag_run_state", _RUN_STATES)), None),
        run_states=query.states("dag_run_state", _RUN_STATES),
        run_bounds={name: query.bounds(f"dag_run_{name}") for name in ("start_date", "end_date")},
        file_bundle=query.text("bundle_version"),
        has_asset_schedule=query.flag("has_asset_schedule"),
        asset_dependency=query.text("asset_dependency"),
    )
    inside, window = _read_inside(query), query.window()
    query.check()
    return wanted, inside, window


def find_page(call: Call, conn: sa.Connection, wanted: DagFilter, inside: _Inside, window: Window) -> Page:
    """The page of DAG rows that `read_dag_filter` told of."""
    if inside != _Inside():
        wanted = _narrow(call, conn, wanted, inside)
    return listing_dags.list_dags(conn, wanted, window)


def list_dags(call: Call) -> Response:
    """GET /dags"""
    asked = read_dag_filter(call)
    with call.cell.db.read() as conn:
        page = find_page(call, conn, *asked)
        summaries = call.summaries.get(conn, [row.version_id for row in page.rows])
    bodies = [dag_body(row, summaries[row.version_id]) for row in page.rows]
    return reply({"dags": bodies, "total_entries": page.total})


def get_dag(call: Call) -> Response:
    """GET /dags/{dag_id}"""
    with call.cell.db.read() as conn:
        row, summary = _get(call, conn)
    return reply(dag_body(row, summary))


def get_details(call: Call) -> Response:
    """GET /dags/{dag_id}/details"""
    with call.cell.db.read() as conn:
        row, summary = _get(call, conn)
        version = listing_dags.find_version(conn, row.dag_id)
        if version is None:
            raise not_found("DAG", row.dag_id)
        active = listing_dags.count_active_runs(conn, row.dag_id)
    return reply(details_body(row, summary, version, orjson.loads(version.data), active))


def patch_dag(call: Call) -> Response:
    """PATCH /dags/{dag_id}: pause or unpause."""
    body = call.parse(DagPatch)
    check_mask(call)
    dag_id = call.path["dag_id"]
    with call.begin() as conn:
        _get(call, conn)
        set_paused(conn, dag_id, body.is_paused)
        row, summary = _get(call, conn)
    call.cell.post_dags_changed()
    return reply(dag_body(row, summary))


def check_mask(call: Call) -> None:
    """Only one member can be changed. Raises ApiError (invalid)."""
    if call.params.getlist("update_mask") not in ([], ["is_paused"]):
        raise ApiError("invalid", "cannot update a DAG: update_mask may name only is_paused")


def delete_dag(call: Call) -> Response:
    """DELETE /dags/{dag_id}: the DAG and its history go; the file brings it back when it is parsed again."""
    dag_id = call.path["dag_id"]
    with call.begin() as conn:
        _get(call, conn)
        if listing_dags.count_active_runs(conn, dag_id):
            raise ApiError("conflict", f"cannot delete DAG {dag_id!r}: it has running runs; end them first")
        blobs = list_blobs(conn, Place(dag_id, "~", "~", None))
        delete_dag_rows(conn, dag_id)
    call.cell.blobs.drop(blobs)
    call.cell.post_dags_changed()
    return empty()


def list_tasks(call: Call) -> Response:
    """GET /dags/{dag_id}/tasks"""
    query = call.query()
    order = query.text("order_by") or "task_id"
    query.check()
    bodies = list(_task_bodies(call).values())
    name = order.removeprefix("-")
    if bodies and name not in bodies[0]:
        raise ApiError("invalid", f"cannot order tasks by {name!r}")
    bodies.sort(key=lambda body: str(body[name]), reverse=order.startswith("-"))
    return reply({"tasks": bodies, "total_entries": len(bodies)})


def get_task(call: Call) -> Response:
    """GET /dags/{dag_id}/tasks/{task_id}"""
    body = _task_bodies(call).get(call.path["task_id"])
    if body is None:
        raise not_found(f"in DAG {call.path['dag_id']!r} a task", call.path["task_id"])
    return reply(body)


def list_versions(call: Call) -> Response:
    """GET /dags/{dag_id}/dagVersions"""
    query = call.query()
    number, bundle, window = query.number("version_number"), query.text("bundle_version"), query.window()
    query.check()
    dag_id, elsewhere = call.path["dag_id"], query.text("bundle_name") not in (None, BUNDLE_NAME)
    with call.cell.db.read() as conn:
        if dag_id != "~":
            _get(call, conn)
        if elsewhere:
            return reply({"dag_versions": [], "total_entries": 0})
        page = listing_dags.list_versions(conn, dag_id, number, bundle, window)
        summaries = call.summaries.get(conn, [row.id for row in page.rows])
    bodies = [version_body(row.id, row.dag_id, row, summaries[row.id].display_name) for row in page.rows]
    return reply({"dag_versions": bodies, "total_entries": page.total})


def get_version(call: Call) -> Response:
    """GET /dags/{dag_id}/dagVersions/{version_number}"""
    number = call.number("version_number")
    with call.cell.db.read() as conn:
        row = listing_dags.find_version(conn, call.path["dag_id"], number)
        if row is None:
            raise not_found(f"of DAG {call.path['dag_id']!r} version", number)
        summary = call.summaries.get(conn, [row.id])[row.id]
    return reply(version_body(row.id, row.dag_id, row, summary.display_name))


def get_source(call: Call) -> Response:
    """GET /dagSources/{dag_id}: the file as the version's snapshot has it, as text or JSON by Accept."""
    accept = call.headers.get("accept", "*/*").lower()
    if not _ACCEPTED.search(accept):
        raise ApiError("not_acceptable", "Only application/json or text/plain is supported")
    query = call.query()
    number = query.number("version_number")
    query.check()
    dag_id = call.path["dag_id"]
    with call.cell.db.read() as conn:
        row, summary = _get(call, conn)
        version = listing_dags.find_version(conn, dag_id, number)
    if version is None:
        raise not_found(f"of DAG {dag_id!r} version", number)
    bundle = (row.file_bundle or version.bundle) if version.id == row.version_id else version.bundle
    text = _read_source(call, [bundle, version.bundle], orjson.loads(version.data).get("file") or row.file)
    if "text/plain" in accept and "application/json" not in accept:
        return PlainTextResponse(text)
    return reply(
        {
            "content": text,
            "dag_id": dag_id,
            "version_number": version.number,
            "dag_display_name": summary.display_name,
        }
    )


def _read_source(call: Call, bundles: list[str], file: str) -> str:
    """The file out of the first of these snapshots that still has it; nothing outside the snapshot is read."""
    for bundle in bundles:
        root = call.cell.layout.bundle(bundle).resolve()
        path = (root / file).resolve()
        if path.is_relative_to(root) and path.is_file():
            return path.read_text(encoding="utf-8", errors="replace")
    raise ApiError("not_found", f"cannot show the source of {file!r}: its snapshot is not kept any more")


def _get(call: Call, conn: sa.Connection) -> tuple[Any, Summary]:
    row = listing_dags.find_dag_row(conn, call.path["dag_id"])
    if row is None:
        raise not_found("DAG", call.path["dag_id"])
    return row, call.summaries.get(conn, [row.version_id])[row.version_id]


def _task_bodies(call: Call) -> dict[str, dict[str, Any]]:
    with call.cell.db.read() as conn:
        version = listing_dags.find_version(conn, call.path["dag_id"])
    if version is None:
        raise not_found("DAG", call.path["dag_id"])
    data = orjson.loads(version.data)
    params = {
        name: {**param_body(param), "source": "dag"} for name, param in (data.get("params") or {}).items()
    }
    downstream: dict[str, list[str]] = {task["task_id"]: [] for task in data["tasks"]}
    for task in data["tasks"]:
        for above in task.get("upstream") or ():
            downstream[above].append(task["task_id"])
    return {
        task["task_id"]: task_body(_dated(task, data), sorted(downstream[task["task_id"]]), params)
        for task in data["tasks"]
    }


def _dated(task: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """The task with its DAG's dates where it has none of its own."""
    return {**task, **{name: task[name] or data.get(name) for name in ("start_date", "end_date")}}


def list_dags_named(call: Call, conn: sa.Connection, pattern: str | None, prefix: str | None) -> list[str]:
    """The ids of the DAGs with such a display name."""
    inside = _Inside(name_pattern=pattern, name_prefix=prefix)
    return _narrow(call, conn, DagFilter(exclude_stale=False), inside).dag_ids or []


def _narrow(call: Call, conn: sa.Connection, wanted: DagFilter, inside: _Inside) -> DagFilter:
    """The ids of the DAGs that have in them what is asked for become the filter."""
    pairs = listing_dags.list_dag_ids(conn, wanted)
    summaries = call.summaries.get(conn, [version for _dag_id, version in pairs])
    kept = [dag_id for dag_id, version in pairs if inside.takes(summaries[version])]
    return DagFilter(dag_ids=kept, exclude_stale=False)
