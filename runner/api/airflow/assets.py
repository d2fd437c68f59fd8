"""Assets: what they are, who updates and awaits them, their events, and an event made by hand."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow.asset_shapes import alias_body, asset_body, event_body, queued_body
from runner.api.airflow.bodies import AssetEventPost, RunTrigger
from runner.api.airflow.dag_runs import find_run_row, start_run
from runner.api.answers import empty, reply
from runner.api.call import Call
from runner.api.errors import ApiError, not_found
from runner.domain.partition_runs import MOST_KEYS
from runner.store import listing_asset_events, listing_assets
from runner.store.asset_events import put_event
from runner.store.listing_asset_events import EventFilter
from runner.store.listing_assets import AssetFilter

MATERIALIZATION = "asset_materialization"
_SOURCES = ("source_dag_id", "source_task_id", "source_run_id")


def list_assets(call: Call) -> Response:
    """GET /assets"""
    query = call.query()
    wanted = AssetFilter(
        name_pattern=query.text("name_pattern"),
        name_prefix=query.text("name_prefix_pattern"),
        uri_pattern=query.text("uri_pattern"),
        uri_prefix=query.text("uri_prefix_pattern"),
        dag_ids=query.texts("dag_ids"),
        only_active=query.flag("only_active", True) is not False,
    )
    window = query.window()
    query.check()
    with call.cell.db.read() as conn:
        page = listing_assets.list_assets(conn, wanted, window)
        ties = listing_assets.find_ties(conn, [row.id for row in page.rows])
    bodies = [asset_body(row, ties[row.id]) for row in page.rows]
    return reply({"assets": bodies, "total_entries": page.total})


def get_asset(call: Call) -> Response:
    """GET /assets/{asset_id}"""
    number = call.number("asset_id")
    with call.cell.db.read() as conn:
        row = listing_assets.find_asset(conn, number)
        if row is None:
            raise not_found("asset", number)
        ties = listing_assets.find_ties(conn, [number])
    return reply(asset_body(row, ties[number]))


def list_aliases(call: Call) -> Response:
    """GET /assets/aliases"""
    query = call.query()
    pattern, prefix, window = query.text("name_pattern"), query.text("name_prefix_pattern"), query.window()
    query.check()
    with call.cell.db.read() as conn:
        page = listing_assets.list_aliases(conn, pattern, prefix, window)
    return reply({"asset_aliases": [alias_body(row) for row in page.rows], "total_entries": page.total})


def get_alias(call: Call) -> Response:
    """GET /assets/aliases/{asset_alias_id}"""
    number = call.number("asset_alias_id")
    with call.cell.db.read() as conn:
        row = listing_assets.find_alias(conn, number)
    if row is None:
        raise not_found("asset alias", number)
    return reply(alias_body(row))


def list_events(call: Call) -> Response:
    """GET /assets/events"""
    query = call.query()
    equal: dict[str, Any] = {name: query.text(name) for name in _SOURCES}
    equal["source_map_index"] = query.number("source_map_index", least=-1)
    wanted = EventFilter(
        asset_id=query.number("asset_id"),
        equal=equal,
        name_pattern=query.text("name_pattern"),
        name_prefix=query.text("name_prefix_pattern"),
        bounds={bound: query.moment(f"timestamp_{bound}") for bound in ("gte", "gt", "lte", "lt")},
    )
    window = query.window()
    query.check()
    with call.cell.db.read() as conn:
        page = listing_asset_events.list_events(conn, wanted, window)
        bodies = _describe_events(conn, page.rows)
    return reply({"asset_events": bodies, "total_entries": page.total})


def post_event(call: Call) -> Response:
    """POST /assets/events: an update that no task made; it starts the DAGs that wait for it, as any other does."""
    body = call.parse(AssetEventPost)
    most = int(call.cell.spec.number("scheduler", "partition_mapper_max_downstream_keys", MOST_KEYS))
    extra = {**body.extra, "from_rest_api": True} if "extra" in body.model_fields_set else {}
    with call.begin() as conn:
        number = put_event(conn, body.asset_id, extra, call.cell.clock(), body.partition_key, most)
        if number is None:
            raise not_found("asset", body.asset_id)
        row = listing_asset_events.find_event(conn, number)
    call.cell.post_dags_changed()
    return reply(event_body(row, ()))


def list_of_run(call: Call) -> Response:
    """GET /dags/{dag_id}/dagRuns/{dag_run_id}/upstreamAssetEvents"""
    with call.cell.db.read() as conn:
        rows = listing_asset_events.list_of_run(conn, find_run_row(call, conn).id)
        bodies = _describe_events(conn, rows)
    return reply({"asset_events": bodies, "total_entries": len(bodies)})


def materialize(call: Call) -> Response:
    """POST /assets/{asset_id}/materialize: run the one DAG that updates the asset."""
    number = call.number("asset_id")
    body = call.parse(RunTrigger) if call.body else RunTrigger()
    with call.cell.db.read() as conn:
        producers = listing_assets.list_producers(conn, number)
    if not producers:
        raise ApiError("not_found", f"cannot materialize asset {number}: no DAG has it as an outlet")
    if len(producers) > 1:
        raise ApiError(
            "conflict", f"cannot materialize asset {number}: {', '.join(producers)} have it as an outlet"
        )
    return start_run(call, body, producers[0], MATERIALIZATION)


def list_queued(call: Call) -> Response:
    """GET …/queuedEvents of an asset or of a DAG"""
    rows = _list_queued(call)
    return reply({"queued_events": rows, "total_entries": len(rows)})


def get_queued(call: Call) -> Response:
    """GET /dags/{dag_id}/assets/{asset_id}/queuedEvents"""
    rows = _list_queued(call)
    if not rows:
        raise _nothing_queued(call)
    return reply(rows[0])


def delete_queued(call: Call) -> Response:
    """DELETE …/queuedEvents of an asset, of a DAG, or of both"""
    with call.begin() as conn:
        if not listing_assets.delete_queued(conn, *_read_place(call)):
            raise _nothing_queued(call)
    return empty()


def _list_queued(call: Call) -> list[dict[str, Any]]:
    place = _read_place(call)
    with call.cell.db.read() as conn:
        rows = listing_assets.list_queued(conn, *place)
        summaries = call.summaries.get(conn, [row.version_id for row in rows])
    return [queued_body(row, summaries[row.version_id].display_name) for row in rows]


def _read_place(call: Call) -> tuple[str | None, int | None, float | None]:
    """DAG, asset and latest moment of what waits."""
    query = call.query()
    before = query.moment("before")
    query.check()
    return call.path.get("dag_id"), call.number("asset_id") if "asset_id" in call.path else None, before


def _nothing_queued(call: Call) -> ApiError:
    place = " and ".join(
        f"{name} {call.path[name]!r}" for name in ("dag_id", "asset_id") if name in call.path
    )
    return ApiError("not_found", f"cannot find queued events of {place}")


def _describe_events(conn: sa.Connection, rows: Any) -> list[dict[str, Any]]:
    made = listing_asset_events.list_made_runs(conn, [row.id for row in rows])
    return [event_body(row, made[row.id]) for row in rows]
