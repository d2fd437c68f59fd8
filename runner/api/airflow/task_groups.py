"""Task groups of a run: setting the state of all that is in one."""

from __future__ import annotations

from typing import Any

import orjson
import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow.bodies import TaskInstancePatch
from runner.api.airflow.clearing import date_limits, expand_tasks, list_group, reply_rows
from runner.api.airflow.dag_runs import find_run_row
from runner.api.airflow.task_instances import mark_rows
from runner.api.call import Call
from runner.api.errors import ApiError, not_found
from runner.domain.graph import build
from runner.domain.spec import read_dag
from runner.domain.states import TaskInstanceState
from runner.store import listing_runs
from runner.store.listing_dags import list_version_data
from runner.store.listing_runs import TiFilter
from runner.store.user_edits import set_task_notes


def patch_group(call: Call) -> Response:
    """PATCH …/taskGroupInstances/{group_id}: set the state, or write a note, of all that is in the group."""
    return _patch(call, dry_run=False)


def try_patch_group(call: Call) -> Response:
    """PATCH …/taskGroupInstances/{group_id}/dry_run: which task instances the same PATCH would set."""
    return _patch(call, dry_run=True)


def _patch(call: Call, dry_run: bool) -> Response:
    body = call.parse(TaskInstancePatch)
    given = call.update_mask(frozenset({"new_state", "note"}))
    mask = body.model_fields_set if given is None else given & body.model_fields_set
    if not mask & {"new_state", "note"} and not dry_run:
        raise ApiError("unprocessable", "cannot patch a task group: give new_state or note")
    with call.begin() as conn:
        run = find_run_row(call, conn)
        rows = own = _find_rows(call, conn, run, TaskInstancePatch())
        if "note" in mask and not dry_run:
            set_task_notes(conn, [row.id for row in own], body.note)
        if "new_state" in mask and body.new_state is not None:
            rows = [row for row in _find_rows(call, conn, run, body) if row.state != body.new_state]
            if rows and not dry_run:
                mark_rows(call, conn, rows, TaskInstanceState(body.new_state))
        ids = {row.id for row in rows}
        dag_id, runs = run.dag_id, sorted({row.run_id for row in rows} | {run.run_id})
        again = listing_runs.list_every_task_instance(conn, TiFilter([dag_id], runs))
        answer = reply_rows(call, conn, [row for row in again if row.id in ids])
    if not dry_run:
        call.cell.post_runs_changed(sorted({row.run for row in rows}))
    return answer


def _find_rows(call: Call, conn: sa.Connection, run: Any, body: TaskInstancePatch) -> list[Any]:
    """The task instances in the group, with those that the body takes in."""
    data = orjson.loads(list_version_data(conn, [run.version_id])[run.version_id])
    names = list_group(data, call.path["group_id"])
    if not names:
        raise not_found(f"in DAG {run.dag_id!r} a task group", call.path["group_id"])
    graph = build(read_dag(data).tasks)
    names = expand_tasks(graph, names, body.include_upstream, body.include_downstream)
    limits = date_limits(run.logical_date, body.include_past, body.include_future)
    runs = None if limits else [run.run_id]
    wanted = TiFilter([run.dag_id], runs, {"task_id": sorted(names)}, bounds={"logical_date": limits})
    return listing_runs.list_every_task_instance(conn, wanted)
