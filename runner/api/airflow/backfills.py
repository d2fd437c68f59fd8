"""Backfills: making them, holding them, ending them. `prepare` and `start` are also what a command line calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow.bodies import BackfillCreate
from runner.api.airflow.latest import wants_latest
from runner.api.airflow.params import BadParams, merge_params
from runner.api.answers import moment, reply
from runner.api.call import Call
from runner.api.context import CellContext
from runner.api.errors import ApiError
from runner.api.manual_intervals import TimetableFailed, ask_runs
from runner.api.query import epoch
from runner.domain.backfills import (
    MAX_ASKED,
    BackfillPlan,
    BadBackfill,
    check,
    choose_infos,
    get_kind,
    list_infos,
)
from runner.domain.deadlines import BadDeadline
from runner.domain.partitions import find_partition
from runner.domain.timetables import RunInfo
from runner.store import backfills as store
from runner.store import listing_dags
from runner.store.dags import Runnable, find_runnable
from runner.store.runs import BACKFILL

_NOT_FOUND = "Backfill not found"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A backfill that may be made: what its runs are pinned to, and which there are to be."""

    plan: BackfillPlan
    runnable: Runnable
    infos: Sequence[RunInfo]


def ask_timetable(cell: CellContext, body: BackfillCreate) -> list[RunInfo] | None:
    """The runs that a timetable of the user's own wants, for `prepare`; not to be called inside of a transaction."""
    try:
        return ask_runs(cell, body.dag_id, epoch(body.from_date), epoch(body.to_date), MAX_ASKED)
    except OverflowError as error:
        raise ApiError("invalid", str(error)) from None
    except TimetableFailed as error:
        raise ApiError("unprocessable", str(error)) from None


def prepare(
    conn: sa.Connection, plan: BackfillPlan, now: float, asked: Sequence[RunInfo] | None = None
) -> Prepared:
    """Check a backfill. `asked`: see `ask_timetable`. Raises ApiError (not_found, invalid, unprocessable)."""
    runnable, version = find_runnable(conn, plan.dag_id), listing_dags.find_version(conn, plan.dag_id)
    if runnable is None or version is None:
        raise ApiError("not_found", f"Could not find dag {plan.dag_id}")
    spec = runnable.spec
    if not spec.allows(BACKFILL):
        raise ApiError("invalid", f"Dag with dag_id: '{plan.dag_id}' does not allow backfill runs")
    if get_kind(spec.timetable) == "custom" and asked is None:
        reason = "its timetable is code of its own, which nobody has asked"
        raise ApiError("unprocessable", f"cannot backfill {plan.dag_id}: {reason}; try again")
    try:
        check(plan, spec, now)
        if plan.conf is not None:
            merge_params(orjson.loads(version.data).get("params") or {}, plan.conf)
        infos = list_infos(plan, spec.timetable, now) if asked is None else choose_infos(plan, asked, now)
    except (BadBackfill, BadParams) as error:
        raise ApiError("unprocessable", str(error)) from None
    return Prepared(plan, runnable, infos)


def start(cell: CellContext, conn: sa.Connection, prepared: Prepared, user: str) -> store.Made:
    """Make a backfill with its runs. Raises ApiError. Once it is committed, tell the scheduler with `tell`."""
    plan = prepared.plan
    if store.find_unfinished(conn, plan.dag_id) is not None:
        raise ApiError("conflict", f"There is already a running backfill for dag {plan.dag_id}")
    if not prepared.infos:
        first, last = moment(plan.from_date), moment(plan.to_date)
        raise ApiError(
            "unprocessable", f"No runs to create for Dag {plan.dag_id} in the range [{first}, {last}]"
        )
    try:
        return store.create(conn, plan, prepared.infos, prepared.runnable, user, cell.clock())
    except BadDeadline as error:
        raise ApiError("invalid", str(error)) from None


def tell(cell: CellContext, made: store.Made) -> None:
    """The scheduler learns of the runs of a new backfill that has been committed."""
    for key in made.created:
        cell.post_run_created(key)
    cell.post_runs_changed(made.changed)


def create_backfill(call: Call) -> Response:
    """POST /backfills"""
    body = call.parse(BackfillCreate)
    asked = ask_timetable(call.cell, body)
    with call.begin() as conn:
        prepared = prepare(conn, _read_plan(call, conn, body), call.cell.clock(), asked)
        made = start(call.cell, conn, prepared, call.identity.user)
        answer = _body(store.find_backfill(conn, made.id))
    tell(call.cell, made)
    return reply(answer)


def try_backfill(call: Call) -> Response:
    """POST /backfills/dry_run: the logical dates of the runs that there would be."""
    body = call.parse(BackfillCreate)
    asked = ask_timetable(call.cell, body)
    with call.cell.db.read() as conn:
        prepared = prepare(conn, _read_plan(call, conn, body), call.cell.clock(), asked)
        there = store.list_obstacles(conn, prepared.plan, prepared.infos) if prepared.infos else {}
    timetable = prepared.runnable.spec.timetable
    found = [
        _planned(info, timetable)
        for info in prepared.infos
        if there.get(info.logical_date, (None, None))[1] is None
    ]
    return reply({"backfills": found, "total_entries": len(found)})


def _planned(info: RunInfo, timetable: Mapping[str, Any]) -> dict[str, Any]:
    key, date = find_partition(timetable, BACKFILL, info.run_after) or (None, None)
    return {
        "logical_date": moment(info.logical_date),
        "partition_key": key,
        "partition_date": moment(date),
    }


def list_backfills(call: Call) -> Response:
    """GET /backfills?dag_id=…"""
    query = call.query()
    dag_id, window = query.required("dag_id"), query.window()
    query.check()
    with call.cell.db.read() as conn:
        page = store.list_backfills(conn, dag_id, window)
    return reply({"backfills": [_body(row) for row in page.rows], "total_entries": page.total})


def get_backfill(call: Call) -> Response:
    """GET /backfills/{backfill_id}"""
    with call.cell.db.read() as conn:
        return reply(_body(_get(call, conn)))


def pause_backfill(call: Call) -> Response:
    """PUT /backfills/{backfill_id}/pause: its queued runs wait, those that run go on."""
    return _set_paused(call, True)


def unpause_backfill(call: Call) -> Response:
    """PUT /backfills/{backfill_id}/unpause"""
    return _set_paused(call, False)


def cancel_backfill(call: Call) -> Response:
    """PUT /backfills/{backfill_id}/cancel: its queued runs fail, those that run go on."""
    with call.begin() as conn:
        row = _get_unfinished(call, conn)
        failed = store.cancel(conn, row.id, call.cell.clock())
        answer = _body(_get(call, conn))
    call.cell.post_runs_changed(failed)
    return reply(answer)


def _set_paused(call: Call, paused: bool) -> Response:
    with call.begin() as conn:
        row = _get_unfinished(call, conn)
        store.set_paused(conn, row.id, paused, call.cell.clock())
        answer = _body(_get(call, conn))
    call.cell.post_dags_changed()
    return reply(answer)


def _get(call: Call, conn: sa.Connection) -> Any:
    row = store.find_backfill(conn, call.number("backfill_id"))
    if row is None:
        raise ApiError("not_found", _NOT_FOUND)
    return row


def _get_unfinished(call: Call, conn: sa.Connection) -> Any:
    row = _get(call, conn)
    if row.completed_at is not None:
        raise ApiError("conflict", "Backfill is already completed.")
    return row


def _read_plan(call: Call, conn: sa.Connection, body: BackfillCreate) -> BackfillPlan:
    try:
        first, last = epoch(body.from_date), epoch(body.to_date)
    except OverflowError as error:
        raise ApiError("invalid", str(error)) from None
    latest = wants_latest(call.cell, conn, body.dag_id, body.run_on_latest_version)
    return BackfillPlan(
        body.dag_id,
        first,
        last,
        body.reprocess_behavior,
        body.max_active_runs,
        body.run_backwards,
        latest,
        body.dag_run_conf,
    )


def _body(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "dag_id": row.dag_id,
        "from_date": moment(row.from_date),
        "to_date": moment(row.to_date),
        "dag_run_conf": orjson.loads(row.conf) or None,
        "is_paused": row.is_paused,
        "reprocess_behavior": row.reprocess_behavior,
        "max_active_runs": row.max_active_runs,
        "created_at": moment(row.created_at),
        "completed_at": moment(row.completed_at),
        "updated_at": moment(row.updated_at),
        "dag_display_name": row.dag_id,
    }
