"""Clearing task instances: choosing them, and making them run again."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow.bodies import TaskInstancesClear
from runner.api.airflow.run_shapes import ti_body
from runner.api.airflow.waiting import list_triggers
from runner.api.answers import reply
from runner.api.call import Call
from runner.api.errors import ApiError, not_found
from runner.api.query import epoch
from runner.domain.graph import DagGraph, build
from runner.store.dags import find_runnable
from runner.store.listing_runs import TiFilter, find_run, list_every_task_instance
from runner.store.task_instances import clear
from runner.store.user_edits import set_task_notes

_FAILED = ("failed", "upstream_failed")
_RUNNING = ("running", "restarting")


def clear_task_instances(call: Call) -> Response:
    """POST /dags/{dag_id}/clearTaskInstances; the runs of what is cleared always start again."""
    body = call.parse(TaskInstancesClear)
    if body.run_on_latest_version:
        raise ApiError(
            "invalid", "cannot run on another version: a run keeps the version that it started with"
        )
    if body.dry_run:
        with call.cell.db.read() as conn:
            return reply_rows(call, conn, choose(call, conn, body))
    with call.cell.db.begin() as conn:
        rows = choose(call, conn, body)
        if body.prevent_running_task and any(row.state in _RUNNING for row in rows):
            raise ApiError("conflict", "cannot clear: some of these task instances are running")
        clear(conn, [row.id for row in rows], call.cell.clock())
        if body.note is not None:
            set_task_notes(conn, [row.id for row in rows], body.note)
        answer = reply_rows(call, conn, _read_again(conn, rows))
    call.cell.post_runs_changed(sorted({row.run for row in rows}))
    return answer


def reply_rows(call: Call, conn: sa.Connection, rows: list[Any]) -> Response:
    """Task instances as a collection."""
    summaries = call.summaries.get(conn, [row.version_id for row in rows])
    waiting = list_triggers(conn, rows, call.cell.clock())
    bodies = [ti_body(row, summaries[row.version_id], waiting) for row in rows]
    return reply({"task_instances": bodies, "total_entries": len(bodies)})


def choose(call: Call, conn: sa.Connection, body: TaskInstancesClear) -> list[Any]:
    """The task instances that the body asks for."""
    dag_id = call.path["dag_id"]
    runnable = find_runnable(conn, dag_id)
    if runnable is None:
        raise not_found("DAG", dag_id)
    wanted = _find_tasks(build(runnable.spec.tasks), body)
    states: list[str] = [*_FAILED] if body.only_failed else [*_RUNNING] if body.only_running else []
    bounds = {"logical_date": _bounds(conn, dag_id, body)}
    run_ids = (
        [body.dag_run_id] if body.dag_run_id and not (body.include_future or body.include_past) else None
    )
    equal: dict[str, list[Any]] = {
        "state": list(states),
        "task_id": sorted(wanted) if wanted is not None else [],
    }
    rows = list_every_task_instance(conn, TiFilter([dag_id], run_ids, equal, bounds=bounds))
    pairs = {(name[0], name[1]) for name in body.task_ids or [] if isinstance(name, tuple)}
    plain = {name for name in body.task_ids or [] if isinstance(name, str)}
    named = {name for name, _index in pairs} - plain
    return [row for row in rows if row.task_id not in named or (row.task_id, row.map_index) in pairs]


def _find_tasks(graph: DagGraph, body: TaskInstancesClear) -> set[str] | None:
    """The tasks named, with those above and below if asked for; None: all."""
    if body.task_ids is None:
        return None
    names = {name if isinstance(name, str) else name[0] for name in body.task_ids}
    if unknown := names - graph.index.keys():
        raise not_found("in this DAG the task", sorted(unknown)[0])
    return expand_tasks(graph, names, body.include_upstream, body.include_downstream)


def expand_tasks(graph: DagGraph, names: set[str], upstream: bool, downstream: bool) -> set[str]:
    """Task ids with all that is above or below them."""
    found = set(names)
    for name in names:
        position = graph.index[name]
        reached = graph.find_all_upstream(position) if upstream else set()
        reached |= graph.find_all_downstream(position) if downstream else set()
        found |= {graph.tasks[i].task_id for i in reached}
    return found


def _bounds(conn: sa.Connection, dag_id: str, body: TaskInstancesClear) -> dict[str, float | None]:
    """Limits of the logical date."""
    if body.dag_run_id is None:
        start = epoch(body.start_date) if body.start_date else None
        return {"gte": start, "lte": epoch(body.end_date) if body.end_date else None}
    run = find_run(conn, dag_id, body.dag_run_id)
    if run is None:
        raise not_found(f"of DAG {dag_id!r} a run", body.dag_run_id)
    return date_limits(run.logical_date, body.include_past, body.include_future)


def date_limits(logical_date: float | None, past: bool, future: bool) -> dict[str, float | None]:
    """Limits that take in a run's earlier and later ones, as asked."""
    if not past and not future:
        return {}
    if logical_date is None:
        raise ApiError("invalid", "cannot find runs before or after: this run has no logical date")
    return {"gte": None if past else logical_date, "lte": None if future else logical_date}


def _read_again(conn: sa.Connection, rows: list[Any]) -> list[Any]:
    ids = {row.id for row in rows}
    equal = {"task_id": sorted({row.task_id for row in rows})}
    found = list_every_task_instance(conn, TiFilter([rows[0].dag_id], None, equal)) if rows else []
    return [row for row in found if row.id in ids]
