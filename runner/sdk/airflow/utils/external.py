"""How the tasks and runs of other DAGs stand, as ExternalTaskSensor and its trigger count them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow.configuration import generation
from airflow.models.taskinstance import TaskInstance


@dataclass(frozen=True, slots=True)
class Target:
    """What is waited for: tasks, a group or (with neither) the runs of a DAG, at these dates or with these run ids."""

    dag_id: str
    task_ids: Sequence[str] | None = None
    group_id: str | None = None
    dates: Sequence[dt.datetime] | None = None
    run_ids: Sequence[str] | None = None
    size: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", len(self.run_ids or self.dates or ()))

    def count(self, states: Collection[str]) -> float:
        """In how many of the runs all of it is in one of the states; a part of a run counts as a part."""
        if not self.size:
            return 0
        when: dict[str, Any] = {"logical_dates": self.dates, "run_ids": self.run_ids}
        wanted = [str(state) for state in states]
        if self.task_ids:
            ids = list(self.task_ids)
            return TaskInstance.get_ti_count(self.dag_id, task_ids=ids, states=wanted, **when) / len(ids)
        if not self.group_id:
            return TaskInstance.get_dr_count(self.dag_id, states=wanted, **when)
        runs = TaskInstance.get_task_states(self.dag_id, task_group_id=self.group_id, **when)
        fits = [[state in wanted for state in run.values()] for run in runs.values()]
        if generation() >= 3:
            return sum(bool(run) and all(run) for run in fits)
        tasks = sum(map(len, fits))
        return sum(map(sum, fits)) / tasks * self.size if tasks else 0
