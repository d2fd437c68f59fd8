"""Event logs: what people did, and DAG warnings: what their files should say differently."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from runner.api.airflow.asset_shapes import warning_body
from runner.api.answers import moment, reply
from runner.api.call import Call
from runner.api.errors import ApiError
from runner.store.dag_warnings import TYPES, list_warnings
from runner.store.event_log import EventFilter, find_entry, list_entries
from runner.store.listing_assets import list_conflicts
from runner.store.listing_page import order_rows

_TEXTS = ("dag_id", "task_id", "run_id", "owner", "event")
_WARNING_ORDERS = ("dag_id", "warning_type", "message", "timestamp")


def list_event_logs(call: Call) -> Response:
    """GET /eventLogs"""
    query = call.query()
    equal: dict[str, Any] = {name: query.text(name) for name in _TEXTS}
    equal |= {"map_index": query.number("map_index", least=-1), "try_number": query.number("try_number")}
    wanted = EventFilter(
        equal,
        {name: query.text(f"{name}_pattern") for name in _TEXTS},
        {name: query.text(f"{name}_prefix_pattern") for name in _TEXTS},
        {"lt": query.moment("before"), "gt": query.moment("after")},
        tuple(query.texts("included_events")),
        tuple(query.texts("excluded_events")),
    )
    window = query.window()
    query.check()
    with call.cell.db.read() as conn:
        page = list_entries(conn, wanted, window)
    return reply({"event_logs": [_body(row) for row in page.rows], "total_entries": page.total})


def get_event_log(call: Call) -> Response:
    """GET /eventLogs/{event_log_id}"""
    number = call.number("event_log_id")
    with call.cell.db.read() as conn:
        row = find_entry(conn, number)
    if row is None:
        raise ApiError("not_found", f"The Event Log with id: `{number}` not found")
    return reply(_body(row))


def list_dag_warnings(call: Call) -> Response:
    """GET /dagWarnings: pools that are not there, names that a file should not use any more, assets in conflict."""
    query = call.query()
    dag_id, kinds = query.text("dag_id"), query.choices("warning_type", TYPES)
    window = query.window()
    query.check()
    with call.cell.db.read() as conn:
        said = [
            {**warning, "timestamp": moment(warning["timestamp"]), "dag_display_name": warning["dag_id"]}
            for warning in list_warnings(conn, dag_id)
        ]
        conflicts = [row for row in list_conflicts(conn) if dag_id in (None, row.dag_id)]
    said += [warning_body(row, row.dag_id) for row in conflicts]
    found = [warning for warning in said if not kinds or warning["warning_type"] in kinds]
    rows = order_rows(found, window, _WARNING_ORDERS)
    return reply({"dag_warnings": rows, "total_entries": len(found)})


def _body(row: Any) -> dict[str, Any]:
    return {
        "event_log_id": row.id,
        "when": moment(row.at),
        "dag_id": row.dag_id,
        "task_id": row.task_id,
        "run_id": row.run_id,
        "map_index": row.map_index,
        "try_number": row.try_number,
        "event": row.event,
        "logical_date": moment(row.logical_date),
        "owner": row.owner,
        "extra": row.extra,
        "dag_display_name": row.dag_id,
        "task_display_name": row.task_id,
    }
