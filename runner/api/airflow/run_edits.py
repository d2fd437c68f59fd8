"""Changing runs: their state and note, clearing, deleting."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow.bodies import RunClear, RunNamed, RunPatch, RunsClear
from runner.api.airflow.clearing import reply_rows
from runner.api.airflow.dag_runs import find_run_row, read_run
from runner.api.airflow.latest import wants_latest
from runner.api.airflow.partitions import name_runs
from runner.api.airflow.run_shapes import run_body
from runner.api.answers import empty, reply
from runner.api.call import Call
from runner.api.errors import ApiError, not_found
from runner.domain.states import DagRunState
from runner.store import listing_runs
from runner.store.dags import find_runnable
from runner.store.runs import complete_backfills
from runner.store.runs import delete_run as delete_run_rows
from runner.store.task_instances import Marking, clear, mark_run
from runner.store.user_edits import requeue_run, set_run_note
from runner.store.versions import list_new_tasks, move_to_newest
from runner.store.xcoms import Place, list_blobs

_FAILED = ["failed", "upstream_failed"]


def patch_run(call: Call) -> Response:
    """PATCH /dags/{dag_id}/dagRuns/{dag_run_id}: state and note."""
    body = call.parse(RunPatch)
    given = call.update_mask(frozenset({"state", "note"}))
    mask = body.model_fields_set if given is None else given
    with call.begin() as conn:
        row = find_run_row(call, conn)
        if "note" in mask and "note" in body.model_fields_set:
            set_run_note(conn, row.id, body.note)
        if "state" in mask and body.state is not None:
            set_run_state(call, conn, row.id, DagRunState(body.state))
        answer = read_run(call, conn)
    call.cell.post_runs_changed([row.id])
    return reply(answer)


def set_run_state(call: Call, conn: sa.Connection, key: int, state: DagRunState) -> None:
    """Queued starts an ended run again; the ends take the run's tasks with them. Being there already is no error."""
    now = call.cell.clock()
    if state == DagRunState.QUEUED:
        requeue_run(conn, key, now)
    else:
        rule = Marking.ENDS_WHAT_RUNS if call.cell.spec.generation >= 3 else Marking.ALL_SUCCEED
        mark_run(conn, key, state, now, f"set to {state} by {call.identity.user}", rule)


def delete_run(call: Call) -> Response:
    """DELETE /dags/{dag_id}/dagRuns/{dag_run_id}: refused while it runs."""
    with call.begin() as conn:
        row = find_run_row(call, conn)
        if row.state == "running":
            raise ApiError(
                "conflict", f"cannot delete run {row.run_id!r}: it is running; set it to failed first"
            )
        blobs = list_blobs(conn, Place(row.dag_id, row.run_id, "~", None))
        delete_run_rows(conn, row.id)
        if row.backfill is not None:
            complete_backfills(conn, [row.backfill], call.cell.clock())
    call.cell.blobs.drop(blobs)
    call.cell.post_runs_changed([row.id])
    return empty()


def clear_run(call: Call) -> Response:
    """POST /dags/{dag_id}/dagRuns/{dag_run_id}/clear: all its tasks, the failed ones, or only new ones run again."""
    body = call.parse(RunClear)
    names = [(call.path["dag_id"], call.path["dag_run_id"])]
    if body.dry_run:
        return _try_clear(call, body, names)
    with call.begin() as conn:
        keys = _clear(call, conn, body, names)
        answer = read_run(call, conn)
    call.cell.post_runs_changed(keys)
    return reply(answer)


def clear_runs(call: Call) -> Response:
    """POST /dags/{dag_id}/clearDagRuns: the same for many runs, all or none; '~' is any DAG, named by each run."""
    body = call.parse(RunsClear)
    if body.is_used:
        with call.cell.db.read() as conn:
            names = name_runs(conn, call.path["dag_id"], body)
    else:
        names = list(dict.fromkeys(_name_run(call.path["dag_id"], run) for run in body.dag_runs))
    if body.dry_run:
        return _try_clear(call, body, names)
    with call.begin() as conn:
        keys = _clear(call, conn, body, names)
        rows = [_get_run(conn, *name) for name in names]
        summaries = call.summaries.get(conn, [row.version_id for row in rows])
    call.cell.post_runs_changed(keys)
    bodies = [run_body(row, summaries[row.version_id]) for row in rows]
    return reply({"dag_runs": bodies, "total_entries": len(bodies)})


def _name_run(dag_id: str, run: RunNamed) -> tuple[str, str]:
    if dag_id == "~":
        if run.dag_id in (None, "~"):
            raise ApiError(
                "invalid", f"cannot find run {run.dag_run_id!r}: for DAG '~' each run needs its dag_id"
            )
        return str(run.dag_id), run.dag_run_id
    if run.dag_id not in (None, dag_id):
        raise ApiError("invalid", f"cannot clear a run of {run.dag_id!r}: the path names DAG {dag_id!r}")
    return dag_id, run.dag_run_id


def _clear(call: Call, conn: sa.Connection, body: RunClear, names: list[tuple[str, str]]) -> list[int]:
    """Clear runs; their keys."""
    now, keys = call.cell.clock(), []
    for name in names:
        run = _get_run(conn, *name)
        has_new = body.only_new and bool(_list_new(conn, run))
        if has_new or wants_latest(call.cell, conn, run.dag_id, body.run_on_latest_version):
            move_to_newest(conn, [run.id], now)
        rows = [] if body.only_new else _select(conn, run, body.only_failed)
        clear(conn, [row.id for row in rows], now)
        if has_new or not (body.only_failed or body.only_new):
            requeue_run(conn, run.id, now)
        if body.note is not None:
            set_run_note(conn, run.id, body.note or None)
        keys.append(run.id)
    return keys


def _try_clear(call: Call, body: RunClear, names: list[tuple[str, str]]) -> Response:
    """What clearing would run again: task instances, or the names of new tasks."""
    with call.cell.db.read() as conn:
        runs = [_get_run(conn, *name) for name in names]
        if body.only_new:
            new = [task for run in runs for task in _list_new(conn, run)]
            found = [{"task_id": task, "task_display_name": task} for task in new]
            return reply({"task_instances": found, "total_entries": len(found)})
        rows = [row for run in runs for row in _select(conn, run, body.only_failed)]
        return reply_rows(call, conn, rows, {})


def _list_new(conn: sa.Connection, run: Any) -> list[str]:
    runnable = find_runnable(conn, run.dag_id)
    return [] if runnable is None else list_new_tasks(conn, run.id, runnable.spec)


def _get_run(conn: sa.Connection, dag_id: str, run_id: str) -> Any:
    row = listing_runs.find_run(conn, dag_id, run_id)
    if row is None:
        raise not_found(f"of DAG {dag_id!r} a run", run_id)
    return row


def _select(conn: sa.Connection, run: Any, only_failed: bool) -> list[sa.Row[Any]]:
    states: list[object] = [*_FAILED] if only_failed else []
    wanted = listing_runs.TiFilter([run.dag_id], [run.run_id], {"state": states})
    return listing_runs.list_every_task_instance(conn, wanted)
