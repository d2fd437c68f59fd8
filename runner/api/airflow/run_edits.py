"""Changing runs: their state and note, clearing, deleting."""

from __future__ import annotations

import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow.bodies import RunClear, RunPatch
from runner.api.airflow.clearing import clear_rows, reply_rows
from runner.api.airflow.dag_runs import find_run_row, read_run
from runner.api.answers import empty, reply
from runner.api.call import Call
from runner.api.errors import ApiError
from runner.domain.states import DagRunState
from runner.store.listing_runs import TiFilter, list_every_task_instance
from runner.store.user_edits import delete_run as delete_run_rows
from runner.store.user_edits import mark_run, set_run_note

_FAILED = ["failed", "upstream_failed"]


def patch_run(call: Call) -> Response:
    """PATCH /dags/{dag_id}/dagRuns/{dag_run_id}: state and note."""
    body = call.parse(RunPatch)
    mask = call.update_mask(frozenset({"state", "note"})) or body.model_fields_set
    with call.cell.db.begin() as conn:
        row = find_run_row(call, conn)
        if "note" in mask and "note" in body.model_fields_set:
            set_run_note(conn, row.id, body.note)
        if "state" in mask and body.state is not None:
            reason = f"set to {body.state} by {call.identity.user}"
            mark_run(conn, row.id, DagRunState(body.state), call.cell.clock(), reason)
        answer = read_run(call, conn)
    call.cell.post_runs_changed([row.id])
    return reply(answer)


def delete_run(call: Call) -> Response:
    """DELETE /dags/{dag_id}/dagRuns/{dag_run_id}: refused while it runs."""
    with call.cell.db.begin() as conn:
        row = find_run_row(call, conn)
        if row.state == "running":
            raise ApiError("conflict", f"cannot delete run {row.run_id!r}: it is running; set it to failed first")
        delete_run_rows(conn, row.id, row.dag_id, row.run_id)
    call.cell.post_runs_changed([row.id])
    return empty()


def clear_run(call: Call) -> Response:
    """POST /dags/{dag_id}/dagRuns/{dag_run_id}/clear: all its tasks, or the failed ones, run again."""
    body = call.parse(RunClear)
    if body.run_on_latest_version or body.only_new:
        raise ApiError("invalid", "cannot run on another version: a run keeps the version that it started with")
    if body.dry_run:
        with call.cell.db.read() as conn:
            rows = _select(call, conn, body.only_failed)
            return reply_rows(call, conn, rows)
    with call.cell.db.begin() as conn:
        rows = _select(call, conn, body.only_failed)
        run = find_run_row(call, conn)
        clear_rows(call, conn, rows, reset_runs=True, also=[run.id])
        if "note" in body.model_fields_set:
            set_run_note(conn, run.id, body.note)
        answer = read_run(call, conn)
    call.cell.post_runs_changed([run.id])
    return reply(answer)


def _select(call: Call, conn: sa.Connection, only_failed: bool) -> list[sa.Row[tuple[object, ...]]]:
    run = find_run_row(call, conn)
    states: list[object] = [*_FAILED] if only_failed else []
    return list_every_task_instance(conn, TiFilter([run.dag_id], [run.run_id], {"state": states}))
