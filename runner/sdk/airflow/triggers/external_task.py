"""Triggers that wait for tasks and runs of other DAGs."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from airflow.models.taskinstance import TaskInstance
from airflow.triggers.base import BaseTrigger, TriggerEvent
from airflow.utils.external import Target

_PLACE = "airflow.providers.standard.triggers.external_task"


class WorkflowTrigger(BaseTrigger):
    """Fires {"status": success, failed or skipped} once what it waits for is in such states in all of the runs.

    Failed goes before skipped, and for both one run is enough.
    """

    _FIELDS = (
        "external_dag_id", "run_ids", "logical_dates", "external_task_ids", "external_task_group_id",
        "failed_states", "skipped_states", "allowed_states", "poke_interval", "soft_fail",
    )  # fmt: skip

    def __init__(
        self,
        external_dag_id: str,
        run_ids: list[str] | None = None,
        execution_dates: Sequence[dt.datetime] | None = None,
        logical_dates: Sequence[dt.datetime] | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        failed_states: Collection[str] | None = None,
        skipped_states: Collection[str] | None = None,
        allowed_states: Collection[str] | None = None,
        poke_interval: float = 2.0,
        soft_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.external_dag_id = external_dag_id
        self.run_ids, self.logical_dates = run_ids, logical_dates or execution_dates
        self.external_task_ids = external_task_ids
        self.external_task_group_id = external_task_group_id
        self.failed_states, self.skipped_states = failed_states, skipped_states
        self.allowed_states = allowed_states
        self.poke_interval, self.soft_fail = poke_interval, soft_fail

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{_PLACE}.WorkflowTrigger", {name: getattr(self, name) for name in self._FIELDS}

    async def run(self) -> AsyncIterator[Any]:
        target = Target(
            self.external_dag_id,
            list(self.external_task_ids) if self.external_task_ids else None,
            self.external_task_group_id,
            self.logical_dates,
            self.run_ids,
        )
        while (status := await asyncio.to_thread(self._judge, target)) is None:
            await asyncio.sleep(self.poke_interval)
        yield TriggerEvent({"status": status})

    def _judge(self, target: Target) -> str | None:
        if self.failed_states and target.count(self.failed_states) > 0:
            return "failed"
        if self.skipped_states and target.count(self.skipped_states) > 0:
            return "skipped"
        return "success" if target.count(self.allowed_states or ["success"]) == target.size else None


class DagStateTrigger(BaseTrigger):
    """Fires (its class, its arguments and the runs' states) once all of these runs of a DAG are in one of `states`."""

    def __init__(
        self,
        dag_id: str,
        states: Collection[str],
        run_ids: list[str] | None = None,
        execution_dates: Sequence[dt.datetime] | None = None,
        poll_interval: float = 5.0,
    ) -> None:
        super().__init__()
        self.dag_id, self.states = dag_id, [str(state) for state in states]
        self.run_ids, self.execution_dates = run_ids, execution_dates
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("dag_id", "states", "run_ids", "execution_dates", "poll_interval")
        return f"{_PLACE}.DagStateTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[Any]:
        wanted = len(self.run_ids or self.execution_dates or ())
        while await asyncio.to_thread(self._count) != wanted:
            await asyncio.sleep(self.poll_interval)
        place, data = self.serialize()
        for run_id in self.run_ids or ():
            data[run_id] = await asyncio.to_thread(TaskInstance.get_dagrun_state, self.dag_id, run_id)
        yield TriggerEvent((place, data))

    def _count(self) -> int:
        dates, runs = self.execution_dates, self.run_ids
        return TaskInstance.get_dr_count(self.dag_id, logical_dates=dates, run_ids=runs, states=self.states)
