"""What a task asks about other DAGs, answered from a few facts as the engine would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from airflow._task.comms import CommsError
from airflow._task.local import LocalComms
from airflow._wire import encoding


@dataclass
class Engine:
    """`tasks`: (dag, date, task) -> state. `runs`: (dag, run id) -> state. `on_look` may change them."""

    tasks: dict[tuple[str, str, str], str] = field(default_factory=dict)
    runs: dict[tuple[str, str], str] = field(default_factory=dict)
    dates: dict[tuple[str, str], str] = field(default_factory=dict)
    """(dag, date) -> the state of the run."""
    groups: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    triggered: list[dict[str, Any]] = field(default_factory=list)
    next_end: Any = None
    on_look: Callable[[], None] | None = None

    def put_on(self, comms: LocalComms) -> None:
        """Let these comms answer what this engine knows."""
        for name in (
            "count_task_instances", "count_dag_runs", "list_task_states", "get_dag", "get_dag_run", "trigger_dag_run",
            "get_next_interval",
        ):  # fmt: skip
            setattr(comms, f"_{name}", getattr(self, name))

    def count_task_instances(
        self, dag_id: str, logical_dates: Any, task_ids: Any, states: Any, **_: Any
    ) -> int:
        found = [self.tasks.get((dag_id, date, name)) for date in _days(logical_dates) for name in task_ids]
        return sum(state in states for state in found)

    def list_task_states(self, dag_id: str, logical_dates: Any, task_group_id: str, **_: Any) -> Any:
        members = self.groups[dag_id, task_group_id]
        return {
            date: {n: self.tasks.get((dag_id, date, n)) for n in members} for date in _days(logical_dates)
        }

    def count_dag_runs(self, dag_id: str, logical_dates: Any, run_ids: Any, states: Any) -> int:
        if self.on_look is not None:
            self.on_look()
        if run_ids:
            return sum(self.runs.get((dag_id, run_id)) in states for run_id in run_ids)
        return sum(self.dates.get((dag_id, date)) in states for date in _days(logical_dates))

    def get_dag(self, dag_id: str) -> Any:
        known = {name for name, *_ in (*self.tasks, *self.dates)}
        if dag_id not in known | self.paused:
            raise CommsError("not_found", f"cannot find the DAG {dag_id!r}")
        tasks = {task for name, _, task in self.tasks if name == dag_id}
        groups = [group for name, group in self.groups if name == dag_id]
        return {"is_paused": dag_id in self.paused, "is_stale": False, "task_ids": tasks, "group_ids": groups}

    def get_dag_run(self, dag_id: str, run_id: str) -> Any:
        if self.on_look is not None:
            self.on_look()
        state = self.runs.get((dag_id, run_id))
        return {"found": state is not None, "state": state}

    def trigger_dag_run(self, **params: Any) -> Any:
        if (params["dag_id"], params["run_id"]) in self.runs and not params["reset"]:
            raise CommsError("exists", f"cannot make run {params['run_id']!r}: it exists")
        self.runs[params["dag_id"], params["run_id"]] = "queued"
        self.triggered.append(encoding.from_plain(params))
        return {"run_id": params["run_id"], "created": True}

    def get_next_interval(self, **_: Any) -> Any:
        return {"found": self.next_end is not None, "end": encoding.to_plain(self.next_end)}


def _days(dates: Any) -> list[str]:
    return [encoding.from_plain(date).date().isoformat() for date in dates or ()]
