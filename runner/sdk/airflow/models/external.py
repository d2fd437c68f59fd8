"""What a task or a trigger may ask about other DAGs: how many of their tasks and runs are in which states.

Empty lists do not filter. All raise AirflowException outside of a task and a trigger, and CommsError (not_found) for
a DAG or a group that does not exist.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DagFacts:
    """A DAG as the engine knows it."""

    dag_id: str
    is_paused: bool
    is_stale: bool
    """No file has it any more."""
    task_ids: tuple[str, ...]
    group_ids: tuple[str, ...]


def get_ti_count(
    dag_id: str,
    map_index: int | None = None,
    task_ids: Sequence[str] | None = None,
    task_group_id: str | None = None,
    logical_dates: Sequence[dt.datetime] | None = None,
    run_ids: Sequence[str] | None = None,
    states: Sequence[str] | None = None,
) -> int:
    """How many task instances; a mapped task counts once for each of its instances."""
    where = _where(dag_id, logical_dates, run_ids, states)
    where |= {"map_index": map_index, "task_ids": _texts(task_ids), "task_group_id": task_group_id}
    return int(_ask("count_task_instances", where))


def get_task_states(
    dag_id: str,
    map_index: int | None = None,
    task_ids: Sequence[str] | None = None,
    task_group_id: str | None = None,
    logical_dates: Sequence[dt.datetime] | None = None,
    run_ids: Sequence[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Run id -> task id -> state; an instance of a mapped task is there as `<task id>_<map index>`."""
    where = _where(dag_id, logical_dates, run_ids, None)
    where |= {"map_index": map_index, "task_ids": _texts(task_ids), "task_group_id": task_group_id}
    return dict(_ask("list_task_states", where))


def get_dr_count(
    dag_id: str,
    logical_dates: Sequence[dt.datetime] | None = None,
    run_ids: Sequence[str] | None = None,
    states: Sequence[str] | None = None,
) -> int:
    """How many runs."""
    return int(_ask("count_dag_runs", _where(dag_id, logical_dates, run_ids, states)))


def get_dagrun_state(dag_id: str, run_id: str) -> str | None:
    """The state of a run; None when there is no such run."""
    answer = _ask("get_dag_run", {"dag_id": dag_id, "run_id": run_id})
    return answer["state"] if answer.get("found") else None


def get_dag(dag_id: str) -> DagFacts:
    """Facts about a DAG."""
    answer = _ask("get_dag", {"dag_id": dag_id})
    paused, stale = answer["is_paused"], answer["is_stale"]
    return DagFacts(dag_id, paused, stale, tuple(answer["task_ids"]), tuple(answer["group_ids"]))


def _where(dag_id: str, dates: Any, run_ids: Any, states: Any) -> dict[str, Any]:
    from airflow._wire import encoding

    plain = [encoding.to_plain(date) for date in dates] if dates else None
    return {"dag_id": dag_id, "logical_dates": plain, "run_ids": _texts(run_ids), "states": _texts(states)}


def _texts(values: Sequence[Any] | None) -> list[str] | None:
    return ["null" if value is None else str(value) for value in values] if values else None


def _ask(method: str, params: dict[str, Any]) -> Any:
    from airflow._task.comms import required

    return required("ask about other DAGs").ask(method, params)
