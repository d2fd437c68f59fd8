"""Changing runs: their state and note, clearing, deleting."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow.bodies import RunClear, RunPatch
from runner.api.airflow.clearing import reply_rows
from runner.api.airflow.dag_runs import find_run_row, read_run
from runner.api.answers import empty, reply
from runner.api.call import Call
from runner.api.errors import ApiError
from runner.domain.states import DagRunState
from runner.store.listing_runs import TiFilter, list_every_task_instance
from runner.store.task_instances import clear, mark_run
from runner.store.user_edits import delete_run as delete_run_rows
from runner.store.user_edits import requeue_run, set_run_note
from runner.store.xcoms import Place, list_blobs

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
            set_run_state(conn, row.id, DagRunState(body.state), call.cell.clock())
        answer = read_run(call, conn)
    call.cell.post_runs_changed([row.id])
    return reply(answer)


def set_run_state(conn: sa.Connection, key: int, state: DagRunState, now: float) -> None:
    """Queued starts an ended run again; the ends take the run's tasks with them. Being there already is no error."""
    if state == DagRunState.QUEUED:
        requeue_run(conn, key, now)
    else:
        mark_run(conn, key, state, now)


def delete_run(call: Call) -> Response:
    """DELETE /dags/{dag_id}/dagRuns/{dag_run_id}: refused while it runs."""
    with call.cell.db.begin() as conn:
        row = find_run_row(call, conn)
        if row.state == "running":
            raise ApiError(
                "conflict", f"cannot delete run {row.run_id!r}: it is running; set it to failed first"
            )
        blobs = list_blobs(conn, Place(row.dag_id, row.run_id, "~", None))
        delete_run_rows(conn, row.id, row.dag_id, row.run_id)
    call.cell.blobs.drop(blobs)
    call.cell.post_runs_changed([row.id])
    return empty()


def clear_run(call: Call) -> Response:
    """POST /dags/{dag_id}/dagRuns/{dag_run_id}/clear: all its tasks, or the failed ones, run again."""
    body = call.parse(RunClear)
    if body.run_on_latest_version or body.only_new:
        raise ApiError(
            "invalid", "cannot run on another version: a run keeps the version that it started with"
        )
    if body.dry_run:
        with call.cell.db.read() as conn:
            rows = _select(call, conn, body.only_failed)
            return reply_rows(call, conn, rows)
    with call.cell.db.begin() as conn:
        rows = _select(call, conn, body.only_failed)
        run = find_run_row(call, conn)
        clear(conn, [item.id for item in rows], call.cell.clock())
        if not body.only_failed:
            requeue_run(conn, run.id, call.cell.clock())
        if "note" in body.model_fields_set:
            set_run_note(conn, run.id, body.note)
        answer = read_run(call, conn)
    call.cell.post_runs_changed([run.id])
    return reply(answer)


def _select(call: Call, conn: sa.Connection, only_failed: bool) -> list[sa.Row[Any]]:
    run = find_run_row(call, conn)
    states: list[object] = [*_FAILED] if only_failed else []
    return list_every_task_instance(conn, TiFilter([run.dag_id], [run.run_id], {"state": states}))
