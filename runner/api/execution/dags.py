"""Other DAGs for tasks: facts, and how many of their runs and task instances are in which states."""

from __future__ import annotations

from typing import Any

import orjson
import sqlalchemy as sa

from runner.api.execution.asking import Question, Refused
from runner.store.counting import Wanted, count_instances, count_runs, list_instance_states
from runner.store.listing_dags import find_dag_row, find_version


def get_dag(question: Question) -> dict[str, Any]:
    """{dag_id} -> {dag_id, is_paused, is_stale, task_ids, group_ids}"""
    dag_id = question.text("dag_id")
    with question.cell.db.read() as conn:
        row, data = find_dag_row(conn, dag_id), _read_version(conn, dag_id)
    if row is None:
        raise Refused("not_found", f"cannot find the DAG {dag_id!r}")
    return {
        "dag_id": dag_id,
        "is_paused": bool(row.is_paused),
        "is_stale": bool(row.is_stale),
        "task_ids": [task["task_id"] for task in data.get("tasks", ())],
        "group_ids": sorted(data.get("task_groups") or ()),
    }


def count_dag_runs(question: Question) -> int:
    """{dag_id, logical_dates|null, run_ids|null, states|null} -> number"""
    with question.cell.db.read() as conn:
        return count_runs(conn, _read_wanted(question))


def count_task_instances(question: Question) -> int:
    """{..., task_ids|null, task_group_id|null, map_index|null} -> number"""
    with question.cell.db.read() as conn:
        wanted = _read_wanted(question, _find_members(question, conn))
        return count_instances(conn, wanted)


def list_task_states(question: Question) -> dict[str, dict[str, str | None]]:
    """-> {run_id: {task_id: state}}; an instance of a mapped task is there as `<task_id>_<map_index>`."""
    with question.cell.db.read() as conn:
        wanted = _read_wanted(question, _find_members(question, conn))
        rows = list_instance_states(conn, wanted)
    found: dict[str, dict[str, str | None]] = {}
    for row in rows:
        name = row.task_id if row.map_index < 0 else f"{row.task_id}_{row.map_index}"
        found.setdefault(row.run_id, {})[name] = row.state
    return found


def _read_wanted(question: Question, members: list[str] | None = None) -> Wanted:
    ids = question.list_or_none("task_ids", str) or None
    if members is not None:
        ids = members if ids is None else [name for name in members if name in ids]
        ids = ids or [""]  # no task has that id: an empty group holds nothing, and does not stand for all
    return Wanted(
        dag_id=question.text("dag_id"),
        logical_dates=question.dates_or_none("logical_dates"),
        run_ids=question.list_or_none("run_ids", str),
        states=question.list_or_none("states", str),
        task_ids=ids,
        map_index=question.integer_or_none("map_index"),
    )


def _find_members(question: Question, conn: sa.Connection) -> list[str] | None:
    """The tasks of the group that is asked for, at any depth; None without a group. Raises Refused."""
    group = question.text_or_none("task_group_id")
    if group is None:
        return None
    dag_id = question.text("dag_id")
    data = _read_version(conn, dag_id)
    groups = data.get("task_groups") or {}
    if group not in groups:
        raise Refused("not_found", f"cannot find the task group {group!r} in DAG {dag_id!r}")
    inside = {group}
    grown = True
    while grown:
        more = {name for name, facts in groups.items() if facts.get("parent") in inside} - inside
        inside |= more
        grown = bool(more)
    return [task["task_id"] for task in data["tasks"] if task.get("group") in inside]


def _read_version(conn: sa.Connection, dag_id: str) -> dict[str, Any]:
    """The newest version of a DAG as data; empty when there is no such DAG."""
    version = find_version(conn, dag_id)
    return dict(orjson.loads(version.data)) if version is not None else {}
