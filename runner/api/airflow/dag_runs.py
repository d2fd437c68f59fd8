"""Runs: reading them, and starting one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import sqlalchemy as sa
from airflow._wire import encoding
from starlette.responses import Response

from runner.api.airflow.batches import RunsBatch
from runner.api.airflow.bodies import RunTrigger
from runner.api.airflow.filters import RUN_TYPES, batch_run_filter, batch_window, read_run_filter
from runner.api.airflow.params import BadParams, merge_params
from runner.api.airflow.partitions import place_days, read_days
from runner.api.airflow.run_shapes import run_body
from runner.api.answers import reply
from runner.api.call import Call
from runner.api.cursors import describe, read_window
from runner.api.errors import ApiError, not_found
from runner.api.manual_intervals import TimetableFailed, ask_interval
from runner.api.query import Query, epoch
from runner.domain.deadlines import BadDeadline
from runner.domain.partition_runs import BadKey, read_manual_key
from runner.domain.timetables import Interval, infer_manual_interval
from runner.store import listing_dags, listing_runs
from runner.store.dags import Runnable, find_runnable
from runner.store.listing_page import Window
from runner.store.runs import MANUAL, NewRun, RunExists, insert_run, make_run_id

FIRST, LAST = -2_208_988_800, 7_258_118_399
RUN_ID = re.compile(r"^[A-Za-z0-9_.~:+-]+$")


def list_runs(call: Call) -> Response:
    """GET /dags/{dag_id}/dagRuns; '~' is all DAGs."""
    query = call.query()
    wanted, window, days = _read_filter(call, query), read_window(query), read_days(query)
    query.check()
    if any(days):
        with call.cell.db.read() as conn:
            placed = place_days(conn, call.path["dag_id"], days)
        wanted = replace(wanted, bounds={**wanted.bounds, **placed})
    return _reply_page(call, wanted, window, call.path["dag_id"], query)


def _read_filter(call: Call, query: Query) -> listing_runs.RunFilter:
    return read_run_filter(query, call.path["dag_id"], call.cell.clock())


def list_batch(call: Call) -> Response:
    """POST /dags/~/dagRuns/list"""
    call.check_any("dag_id")
    body = call.parse(RunsBatch)
    wanted = batch_run_filter(body, call.cell.clock())
    return _reply_page(call, wanted, batch_window(body), "~", call.query())


def get_run(call: Call) -> Response:
    """GET /dags/{dag_id}/dagRuns/{dag_run_id}"""
    with call.cell.db.read() as conn:
        return reply(read_run(call, conn))


def read_run(call: Call, conn: sa.Connection) -> dict[str, Any]:
    """The run in the path. Raises ApiError (not_found)."""
    row = find_run_row(call, conn)
    return run_body(row, call.summaries.get(conn, [row.version_id])[row.version_id])


def find_run_row(call: Call, conn: sa.Connection) -> Any:
    """The row of the run in the path. Raises ApiError (not_found)."""
    dag_id, run_id = call.path["dag_id"], call.path["dag_run_id"]
    row = listing_runs.find_run(conn, dag_id, run_id)
    if row is None:
        raise not_found(f"of DAG {dag_id!r} a run", run_id)
    return row


def trigger(call: Call) -> Response:
    """POST /dags/{dag_id}/dagRuns"""
    return start_run(call, call.parse(RunTrigger), call.path["dag_id"], MANUAL)


def start_run(call: Call, body: RunTrigger, dag_id: str, run_type: str) -> Response:
    """Start a run as a request describes it, and show it. Raises ApiError."""
    now = call.cell.clock()
    if body.dag_run_id is not None and not RUN_ID.match(body.dag_run_id):
        raise ApiError(
            "invalid", f"cannot use run id {body.dag_run_id!r}: only letters, digits and _.~:+- are allowed"
        )
    asked = _ask_timetable(call, body, dag_id)
    with call.begin() as conn:
        runnable, params = _find_runnable(conn, dag_id)
        if not runnable.spec.allows(run_type):
            kind = run_type.replace("_", " ")
            raise ApiError("invalid", f"Dag with dag_id: '{dag_id}' does not allow {kind} runs")
        _check_conf(params, body.conf or {})
        _check_kind(run_type, body.dag_run_id)
        new = _plan_run(body, runnable.spec.timetable, dag_id, now, call.identity.user, run_type)
        if body.partition_key is not None:
            new = replace(new, partition_date=_read_key(dag_id, runnable.spec.timetable, body.partition_key))
        if asked is not None:
            new = replace(new, interval_start=asked[0], interval_end=asked[1])
        try:
            key = insert_run(conn, new, runnable.version_id, runnable.bundle, runnable.spec)
        except RunExists as error:
            raise ApiError("conflict", str(error)) from None
        except BadDeadline as error:
            raise ApiError("invalid", str(error)) from None
        made = listing_runs.find_run(conn, dag_id, new.run_id)
        summary = call.summaries.get(conn, [runnable.version_id])[runnable.version_id]
    call.cell.post_run_created(key)
    return reply(run_body(made, summary))


def _ask_timetable(call: Call, body: RunTrigger, dag_id: str) -> Interval | None:
    """The interval that the DAG's own timetable gives a run that does not say its own. Raises ApiError."""
    if body.logical_date is None or body.data_interval_start is not None:
        return None
    try:
        return ask_interval(call.cell, dag_id, epoch(body.logical_date))
    except TimetableFailed as error:
        raise ApiError("invalid", str(error)) from None
    except OverflowError:
        return None  # refused with all other dates


def _find_runnable(conn: sa.Connection, dag_id: str) -> tuple[Runnable, dict[str, Any]]:
    """What a new run is pinned to, and the DAG's params."""
    row, runnable = listing_dags.find_dag_row(conn, dag_id), find_runnable(conn, dag_id)
    version = listing_dags.find_version(conn, dag_id)
    if row is None or runnable is None or version is None:
        raise not_found("DAG", dag_id)
    if row.is_stale:
        raise ApiError(
            "not_found", f"cannot start DAG {dag_id!r}: no file of the newest snapshot has it any more"
        )
    if row.has_import_errors:
        raise ApiError("invalid", f"cannot start DAG {dag_id!r}: its file has import errors")
    return runnable, orjson.loads(version.data).get("params") or {}


def _check_conf(params: dict[str, Any], conf: dict[str, Any]) -> None:
    try:
        merge_params(params, conf)
    except BadParams as error:
        raise ApiError("invalid", str(error)) from None


def _check_kind(run_type: str, run_id: str | None) -> None:
    """Ids of runs by hand do not begin as those of other kinds do. Raises ApiError (invalid)."""
    kind, _, rest = (run_id or "").partition("__")
    if run_type == MANUAL and rest and kind in RUN_TYPES - {MANUAL}:
        raise ApiError("invalid", f"cannot use run id {run_id!r} for a manual run: it is that of {kind} runs")


def _plan_run(
    body: RunTrigger, timetable: Mapping[str, Any], dag_id: str, now: float, user: str, run_type: str
) -> NewRun:
    """The run that the request describes; what it leaves out follows from the timetable and the clock."""
    try:
        logical = epoch(body.logical_date) if body.logical_date else None
        run_after = epoch(body.run_after) if body.run_after else now
        start = epoch(body.data_interval_start) if body.data_interval_start else None
        end = epoch(body.data_interval_end) if body.data_interval_end else None
    except OverflowError as error:
        raise ApiError("invalid", str(error)) from None
    if any(at is not None and not FIRST <= at <= LAST for at in (logical, run_after, start, end)):
        raise ApiError("invalid", "cannot start a run outside of the years 1900 to 2199")
    if start is None and logical is not None:
        start, end = infer_manual_interval(timetable, logical)
    return NewRun(
        dag_id=dag_id,
        run_id=body.dag_run_id or make_run_id(run_type, logical, run_after),
        run_type=run_type,
        logical_date=logical,
        interval_start=start,
        interval_end=end,
        run_after=run_after,
        queued_at=now,
        conf=encoding.dumps(body.conf or {}),
        note=body.note,
        triggered_by="rest_api",
        triggering_user=user,
        partition_key=body.partition_key,
    )


def _read_key(dag_id: str, timetable: Mapping[str, Any], key: str) -> float | None:
    """When the partition of a run begins, if its key says so. Raises ApiError."""
    try:
        return read_manual_key(dag_id, timetable, key)
    except BadKey as error:
        raise ApiError("invalid", str(error)) from None


def _reply_page(
    call: Call, wanted: listing_runs.RunFilter, window: Window, dag_id: str, query: Query
) -> Response:
    with call.cell.db.read() as conn:
        if dag_id != "~" and listing_dags.find_dag_row(conn, dag_id) is None:
            raise not_found("DAG", dag_id)
        page = listing_runs.list_runs(conn, wanted, window)
        summaries = call.summaries.get(conn, [row.version_id for row in page.rows])
    bodies = [run_body(row, summaries[row.version_id]) for row in page.rows]
    return reply({"dag_runs": bodies, "total_entries": page.total, **describe(query, window, page)})
