"""Task instances: reading them and their tries, and setting their state by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow.batches import TaskInstancesBatch
from runner.api.airflow.bodies import TaskInstancePatch
from runner.api.airflow.clearing import date_limits, expand_tasks, list_group, reply_rows
from runner.api.airflow.filters import batch_ti_filter, batch_window, read_ti_filter
from runner.api.airflow.run_shapes import ti_body, try_bodies
from runner.api.airflow.waiting import list_triggers
from runner.api.answers import reply
from runner.api.call import Call
from runner.api.cursors import describe, read_window
from runner.api.errors import ApiError, not_found
from runner.domain.graph import build
from runner.domain.spec import DagSpec
from runner.domain.states import TaskInstanceState
from runner.store import listing_dags, listing_runs
from runner.store.dags import get_version
from runner.store.listing_page import Window
from runner.store.listing_runs import TiFilter
from runner.store.task_instances import clear, set_state
from runner.store.user_edits import set_task_notes

_FAILED = ["failed", "upstream_failed"]


def list_task_instances(call: Call) -> Response:
    """GET /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances; '~' is all DAGs or all runs."""
    query = call.query()
    place, now = (call.path["dag_id"], call.path["dag_run_id"]), call.cell.clock()
    wanted, window, group = (
        read_ti_filter(query, *place, now),
        read_window(query),
        query.text("task_group_id"),
    )
    query.check()
    if group is not None:
        wanted = _narrow(call, wanted, group)
    return _reply_page(call, wanted, window)


def _narrow(call: Call, wanted: TiFilter, group: str) -> TiFilter:
    """The same within a task group of the DAG in the path, as its newest version has it. Raises ApiError."""
    dag_id = call.path["dag_id"]
    with call.cell.db.read() as conn:
        version = listing_dags.find_version(conn, dag_id)
    names = list_group(orjson.loads(version.data), group) if version is not None else set()
    if not names:
        raise not_found(f"in DAG {dag_id!r} a task group", group)
    named = names & set(wanted.equal["task_id"] or names)
    return replace(
        wanted, equal={**wanted.equal, "task_id": sorted(named)}, nothing=wanted.nothing or not named
    )


def list_mapped(call: Call) -> Response:
    """GET …/taskInstances/{task_id}/listMapped"""
    query = call.query()
    names = (call.path["dag_id"], call.path["dag_run_id"], call.path["task_id"])
    wanted, window = read_ti_filter(query, *names[:2], call.cell.clock(), names[2]), query.window()
    query.check()
    with call.cell.db.read() as conn:
        run = listing_runs.find_run(conn, *names[:2])
        is_there = any(row.map_index >= 0 for row in _find_all_rows(call, conn))
        if run is not None and not is_there and not _is_spread(get_version(conn, run.version_id), names[2]):
            raise not_found(f"in run {names[1]!r} of DAG {names[0]!r} a mapped task", names[2])
    return _reply_page(call, wanted, window)


def list_batch(call: Call) -> Response:
    """POST /dags/~/dagRuns/~/taskInstances/list"""
    call.check_any("dag_id", "dag_run_id")
    body = call.parse(TaskInstancesBatch)
    return _reply_page(call, batch_ti_filter(body, call.cell.clock()), batch_window(body))


def get_task_instance(call: Call) -> Response:
    """GET …/taskInstances/{task_id} and …/{task_id}/{map_index}"""
    with call.cell.db.read() as conn:
        row = find_row(call, conn)
        waiting = list_triggers(conn, [row], call.cell.clock())
        return reply(ti_body(row, call.summaries.get(conn, [row.version_id])[row.version_id], waiting))


def list_tries(call: Call) -> Response:
    """GET …/tries"""
    bodies = _tries(call)
    return reply({"task_instances": bodies, "total_entries": len(bodies)})


def get_try(call: Call) -> Response:
    """GET …/tries/{task_try_number}"""
    number = call.number("task_try_number")
    for body in _tries(call):
        if body["try_number"] == number:
            return reply(body)
    raise not_found(f"of task {call.path['task_id']!r} try", number)


def patch_task_instance(call: Call) -> Response:
    """PATCH …/taskInstances/{task_id}: set its state, and that of tasks around it, or write a note."""
    return _patch(call, dry_run=False)


def try_patch(call: Call) -> Response:
    """PATCH …/taskInstances/{task_id}/dry_run: which task instances the same PATCH would set."""
    return _patch(call, dry_run=True)


def _patch(call: Call, dry_run: bool) -> Response:
    body = call.parse(TaskInstancePatch)
    given = call.update_mask(frozenset({"new_state", "note"}))
    mask = body.model_fields_set if given is None else given & body.model_fields_set
    with call.begin() as conn:
        all_indexes = "map_index" not in call.path and "map_index" not in call.params
        targets = _find_all_rows(call, conn) if all_indexes else []
        target = targets[0] if targets else find_row(call, conn)
        rows = _around(conn, target, body, all_indexes)
        if "note" in mask and not dry_run:
            set_task_notes(conn, [row.id for row in targets or [target]], body.note)
        if "new_state" in mask and body.new_state is not None:
            rows = [row for row in rows if row.state != body.new_state]
            if not dry_run:
                mark_rows(call, conn, rows, TaskInstanceState(body.new_state))
        nothing = dry_run and "new_state" in mask and not rows
        ids = [] if nothing else [row.id for row in rows or targets or [target]]
        answer = reply_rows(call, conn, _read_again(conn, target, ids, rows))
    if not dry_run:
        call.cell.post_runs_changed(sorted({row.run for row in rows} | {target.run}))
    return answer


def mark_rows(call: Call, conn: sa.Connection, rows: list[Any], state: TaskInstanceState) -> None:
    """Set the states; below a task that is now well, what failed because of it runs again."""
    reason = f"set to {state} by {call.identity.user}"
    set_state(conn, [row.id for row in rows], state, call.cell.clock(), reason)
    if state == TaskInstanceState.FAILED:
        return
    marked = {row.id for row in rows}
    for run_id, version_id in {(row.run_id, row.version_id) for row in rows}:
        graph = build(get_version(conn, version_id).tasks)
        names = {row.task_id for row in rows if row.run_id == run_id} & graph.index.keys()
        below = expand_tasks(graph, names, False, True) - names
        equal = {"task_id": sorted(below), "state": [*_FAILED]}
        found = (
            listing_runs.list_every_task_instance(conn, TiFilter([rows[0].dag_id], [run_id], equal))
            if below
            else []
        )
        again = [row for row in found if row.id not in marked]
        if again:
            clear(conn, [row.id for row in again], call.cell.clock())


def _around(conn: sa.Connection, target: Any, body: TaskInstancePatch, all_indexes: bool) -> list[Any]:
    """The task instance and those that the body takes in with it."""
    graph = build(get_version(conn, target.version_id).tasks)
    names = {target.task_id}
    if target.task_id in graph.index:
        names = expand_tasks(graph, names, body.include_upstream, body.include_downstream)
    limits = date_limits(target.logical_date, body.include_past, body.include_future)
    run_ids = None if limits else [target.run_id]
    wanted = TiFilter([target.dag_id], run_ids, {"task_id": sorted(names)}, bounds={"logical_date": limits})
    rows = listing_runs.list_every_task_instance(conn, wanted)
    if all_indexes:
        return rows
    return [row for row in rows if row.task_id != target.task_id or row.map_index == target.map_index]


def _read_again(conn: sa.Connection, target: Any, ids: list[int], rows: list[Any]) -> list[Any]:
    names = sorted({row.task_id for row in rows} | {target.task_id})
    wanted = TiFilter(
        [target.dag_id], sorted({row.run_id for row in rows} | {target.run_id}), {"task_id": names}
    )
    chosen = set(ids)
    return [row for row in listing_runs.list_every_task_instance(conn, wanted) if row.id in chosen]


def _get_dag(conn: sa.Connection, dag_id: str) -> None:
    if listing_dags.find_dag_row(conn, dag_id) is None:
        raise not_found("DAG", dag_id)


def find_row(call: Call, conn: sa.Connection) -> Any:
    """The row of the task instance in the path. Raises ApiError (not_found)."""
    dag_id, run_id, task_id = call.path["dag_id"], call.path["dag_run_id"], call.path["task_id"]
    map_index = map_index_of(call)
    row = listing_runs.find_task_instance(conn, dag_id, run_id, task_id, map_index)
    if row is None:
        at = f" with map index {map_index}" if map_index >= 0 else ""
        if map_index < 0 and listing_runs.find_task_instance(conn, dag_id, run_id, task_id, 0) is not None:
            raise ApiError("not_found", f"cannot choose one of {task_id!r}: it is mapped, add a map index")
        raise not_found(f"in run {run_id!r} of DAG {dag_id!r} a task instance{at}", task_id)
    return row


def _find_all_rows(call: Call, conn: sa.Connection) -> list[Any]:
    """Every instance of the task in the path."""
    wanted = TiFilter([call.path["dag_id"]], [call.path["dag_run_id"]], {"task_id": [call.path["task_id"]]})
    return listing_runs.list_every_task_instance(conn, wanted)


def _is_spread(spec: DagSpec, task_id: str) -> bool:
    return any(task.task_id == task_id and task.lengths is not None for task in spec.tasks)


def map_index_of(call: Call) -> int:
    """From the path or the query; -1 for a task that is not mapped."""
    if "map_index" in call.path:
        return call.number("map_index", -1)
    query = call.query()
    found = query.number("map_index", -1, least=-1)
    query.check()
    return -1 if found is None else found


def _tries(call: Call) -> list[dict[str, Any]]:
    with call.cell.db.read() as conn:
        row = find_row(call, conn)
        tries = listing_runs.list_tries(conn, row.id)
        summary = call.summaries.get(conn, [row.version_id])[row.version_id]
    return try_bodies(row, tries, summary)


def _reply_page(call: Call, wanted: TiFilter, window: Window) -> Response:
    dag_ids, run_ids = wanted.dag_ids or [], wanted.run_ids or []
    with call.cell.db.read() as conn:
        one_run = len(dag_ids) == len(run_ids) == 1 and call.path["dag_run_id"] != "~"
        if one_run and listing_runs.find_run(conn, dag_ids[0], run_ids[0]) is None:
            raise not_found(f"of DAG {dag_ids[0]!r} a run", run_ids[0])
        if not one_run and call.path["dag_id"] != "~":
            _get_dag(conn, call.path["dag_id"])
        page = listing_runs.list_task_instances(conn, wanted, window)
        summaries = call.summaries.get(conn, [row.version_id for row in page.rows])
        waiting = list_triggers(conn, page.rows, call.cell.clock())
    bodies = [ti_body(row, summaries[row.version_id], waiting) for row in page.rows]
    return reply(
        {"task_instances": bodies, "total_entries": page.total, **describe(call.query(), window, page)}
    )
