"""Clearing task instances: choosing them, and making them run again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow.bodies import TaskInstancesClear
from runner.api.airflow.latest import wants_latest
from runner.api.airflow.run_shapes import ti_body
from runner.api.airflow.waiting import list_triggers
from runner.api.answers import reply
from runner.api.call import Call
from runner.api.cursors import NO_CURSOR
from runner.api.errors import ApiError, not_found
from runner.api.query import epoch
from runner.domain.graph import DagGraph, build
from runner.domain.spec import DagSpec
from runner.domain.spread import plan_spread
from runner.store.dags import Runnable, find_runnable, get_version
from runner.store.listing_runs import TiFilter, find_run, list_every_task_instance
from runner.store.task_instances import clear
from runner.store.user_edits import set_task_notes
from runner.store.versions import move_to_newest

Indexes = dict[str, set[int] | None]
"""Task -> which of its instances, by map index; None: all."""
_FAILED = ("failed", "upstream_failed")
_RUNNING = ("running", "restarting")


def clear_task_instances(call: Call) -> Response:
    """POST /dags/{dag_id}/clearTaskInstances"""
    body = call.parse(TaskInstancesClear)
    if body.dry_run:
        with call.cell.db.read() as conn:
            return reply_rows(call, conn, choose(call, conn, body))
    with call.begin() as conn:
        rows, now = choose(call, conn, body), call.cell.clock()
        if body.prevent_running_task and any(row.state in _RUNNING for row in rows):
            raise ApiError("conflict", "cannot clear: some of these task instances are running")
        latest = wants_latest(call.cell, conn, call.path["dag_id"], body.run_on_latest_version)
        if latest and body.reset_dag_runs:
            move_to_newest(conn, sorted({row.run for row in rows}), now)
        clear(conn, [row.id for row in rows], now, body.reset_dag_runs)
        if body.note is not None:
            set_task_notes(conn, [row.id for row in rows], body.note)
        answer = reply_rows(call, conn, _read_again(conn, rows))
    call.cell.post_runs_changed(sorted({row.run for row in rows}))
    return answer


def reply_rows(
    call: Call, conn: sa.Connection, rows: list[Any], beside: Mapping[str, Any] = NO_CURSOR
) -> Response:
    """Task instances as a collection."""
    summaries = call.summaries.get(conn, [row.version_id for row in rows])
    waiting = list_triggers(conn, rows, call.cell.clock())
    bodies = [ti_body(row, summaries[row.version_id], waiting) for row in rows]
    return reply({"task_instances": bodies, "total_entries": len(bodies), **beside})


def choose(call: Call, conn: sa.Connection, body: TaskInstancesClear) -> list[Any]:
    """The task instances that the body asks for."""
    dag_id = call.path["dag_id"]
    runnable = find_runnable(conn, dag_id)
    if runnable is None:
        raise not_found("DAG", dag_id)
    graph = build(_find_spec(conn, runnable, body.dag_run_id).tasks)
    wanted = None if body.task_ids is None else _find_tasks(graph, body)
    if wanted is not None and not wanted:
        return []
    states = [*(_FAILED if body.only_failed else ()), *(_RUNNING if body.only_running else ())]
    bounds = {"logical_date": _bounds(conn, dag_id, body)}
    run_ids = (
        [body.dag_run_id] if body.dag_run_id and not (body.include_future or body.include_past) else None
    )
    equal: dict[str, list[Any]] = {
        "state": list(states),
        "task_id": sorted(wanted or ()),
    }
    rows = list_every_task_instance(conn, TiFilter([dag_id], run_ids, equal, bounds=bounds))
    return [row for row in rows if wanted is None or _takes_in(wanted[row.task_id], row.map_index)]


def _find_spec(conn: sa.Connection, runnable: Runnable, run_id: str | None) -> DagSpec:
    """The DAG as the run has it that is named, or the newest."""
    run = find_run(conn, runnable.dag_id, run_id) if run_id is not None else None
    return runnable.spec if run is None else get_version(conn, run.version_id)


def _takes_in(indexes: set[int] | None, map_index: int) -> bool:
    return indexes is None or map_index in indexes


def _find_tasks(graph: DagGraph, body: TaskInstancesClear) -> Indexes:
    """The tasks named, with those above and below if asked for, and which of their instances."""
    named = [(name, None) if isinstance(name, str) else name for name in body.task_ids or ()]
    in_one_run = body.dag_run_id is not None and not (body.include_past or body.include_future)
    spread = plan_spread(graph)
    found: Indexes = {}
    for name, map_index in named:
        if name not in graph.index:
            continue  # it has no task instances either
        position = graph.index[name]
        _add(found, name, map_index)
        for near in expand_tasks(graph, {name}, body.include_upstream, body.include_downstream) - {name}:
            is_pair = in_one_run and spread.is_pair(position, graph.index[near])
            _add(found, near, map_index if is_pair else None)
    return found


def _add(found: Indexes, name: str, map_index: int | None) -> None:
    """Take in an instance of a task, or all of them."""
    known = found.get(name, set())
    found[name] = None if known is None or map_index is None else {*known, map_index}


def expand_tasks(graph: DagGraph, names: set[str], upstream: bool, downstream: bool) -> set[str]:
    """Task ids with all that is above or below them."""
    found = set(names)
    for name in names:
        position = graph.index[name]
        reached = graph.find_all_upstream(position) if upstream else set()
        reached |= graph.find_all_downstream(position) if downstream else set()
        found |= {graph.tasks[i].task_id for i in reached}
    return found


def list_group(data: dict[str, Any], group_id: str) -> set[str]:
    """The tasks in a group and in the groups inside of it."""
    groups = data.get("task_groups") or {}

    def is_inside(name: str | None) -> bool:
        while name is not None and name != group_id:
            name = (groups.get(name) or {}).get("parent")
        return name is not None

    return {task["task_id"] for task in data["tasks"] if is_inside(task.get("group"))}


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
