"""The running task's own record: what `ti` and `task_instance` are in templates and functions."""

from __future__ import annotations

import datetime as dt
import logging
import os
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from airflow._wire.workload import Workload
from airflow.configuration import conf, generation
from airflow.models import external
from airflow.models.dagrun import DagRun, as_pendulum
from airflow.models.records import RecordMeta
from airflow.models.xcom import pack, push, unpack
from airflow.models.xcom_arg import XCOM_RETURN_KEY


class TaskInstance(metaclass=RecordMeta):
    """One attempt, seen from inside. XComs are pushed and pulled at once, through the agent."""

    def __init__(self, workload: Workload, task: Any, dag_run: DagRun, comms: Any) -> None:
        self.task = task
        self.dag_id, self.run_id, self.task_id = workload.dag_id, workload.run_id, workload.task_id
        self.map_index, self.try_number, self.queue = workload.map_index, workload.try_number, workload.queue
        self.max_tries = workload.max_tries - 1
        self.id = workload.attempt
        self.dag_run = dag_run
        self.state = "running"
        self.began: dt.datetime | None = None
        self.ended: dt.datetime | None = None
        self.pid = os.getpid()
        self.operator = task.operator_name
        self.pool, self.priority_weight = task.pool, task.priority_weight
        self.next_method: str | None = None
        self.first_start: float | None = workload.extra.get("first_start")
        self.reschedules: int = workload.extra.get("reschedules") or 0
        self._comms = comms
        self._context: Any = None

    # ---- names of several generations -----------------------------------------------------------------------

    @property
    def start_date(self) -> Any:
        """When this attempt began."""
        return as_pendulum(self.began)

    @property
    def end_date(self) -> Any:
        return as_pendulum(self.ended)

    @property
    def logical_date(self) -> Any:
        return self.dag_run.logical_date

    execution_date = logical_date

    @property
    def hostname(self) -> str:
        return socket.gethostname()

    @property
    def duration(self) -> float | None:
        return (
            (self.end_date - self.start_date).total_seconds() if self.end_date and self.start_date else None
        )

    @property
    def is_mapped(self) -> bool:
        return self.map_index >= 0

    @property
    def prev_attempted_tries(self) -> int:
        return self.try_number - 1

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        return (self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index)

    @property
    def log(self) -> logging.Logger:
        return logging.getLogger("airflow.task")

    @property
    def log_url(self) -> str:
        """Where people read this attempt's log in the console."""
        base = conf.get("api", "base_url").rstrip("/")
        path = f"/dags/{quote(self.dag_id)}/runs/{quote(self.run_id)}/tasks/{quote(self.task_id)}"
        mapped = f"/mapped/{self.map_index}" if self.map_index >= 0 else ""
        return f"{base}{path}{mapped}?try_number={self.try_number}"

    mark_success_url = log_url
    test_mode = raw = False

    def get_dagrun(self, **_: Any) -> DagRun:
        return self.dag_run

    def get_template_context(self, **_: Any) -> Any:
        return self._context

    def get_previous_dagrun(self, state: str | None = None, **_: Any) -> DagRun | None:
        """The run of this DAG before this one (in that state), or None."""
        date = self.logical_date.isoformat() if self.logical_date is not None else None
        answer = self._comms.ask(
            "get_previous_run", {"dag_id": self.dag_id, "logical_date": date, "state": state}
        )
        return DagRun(self.dag_id, answer["run_id"], answer) if answer and answer.get("found") else None

    def current_state(self, **_: Any) -> str:
        return str(self.state)

    def is_eligible_to_retry(self) -> bool:
        return self.try_number <= self.max_tries

    def get_first_reschedule_date(self, context: Any = None) -> Any:
        """When this try first began, if it has been rescheduled since."""
        return as_pendulum(self.first_start) if self.reschedules else None

    get_ti_count = staticmethod(external.get_ti_count)
    get_task_states = staticmethod(external.get_task_states)
    get_dr_count = staticmethod(external.get_dr_count)
    get_dagrun_state = staticmethod(external.get_dagrun_state)
    get_dag = staticmethod(external.get_dag)

    # ---- XCom -----------------------------------------------------------------------------------------------

    def xcom_push(self, key: str, value: Any, execution_date: Any = None, **_: Any) -> None:
        """Leave a value for other tasks; they see it at once. Raises TypeError for what has no JSON form."""
        push(self._comms, key, pack(key, value, f"XCom {key!r}", self))

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str | None = XCOM_RETURN_KEY,
        include_prior_dates: bool = False,
        session: Any = None,
        *,
        map_indexes: int | Iterable[int] | None = None,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """A value another task left: one for one task id, a list in the order asked for a list of ids.

        Of a mapped task all that its instances left, or what those of `map_indexes` did. Without task ids: what any
        task of the run pushed last (1.10, 2.x), or what this task pushed (3.x).
        """
        if "_subdags" in self.task.dag.__dict__:
            from airflow.operators.subdag import inner_names

            dag_id, task_ids = inner_names(self.task, dag_id, task_ids)
        if task_ids is None and generation() >= 3:
            task_ids = self.task_id
        where = {"dag_id": dag_id or self.dag_id, "run_id": run_id or self.run_id, "key": key}
        if (
            isinstance(task_ids, str)
            and key is not None
            and not include_prior_dates
            and (isinstance(map_indexes, int) or (map_indexes is None and self._is_single(task_ids, dag_id)))
        ):
            answer = self._comms.ask("get_xcom", {**where, "task_id": task_ids, "map_index": map_indexes})
            return unpack(answer, {**where, "task_id": task_ids}) if answer["found"] else default
        return self._pull_many(task_ids, where, include_prior_dates, map_indexes, default)

    def _is_single(self, task_id: str, dag_id: str | None) -> bool:
        """Whether a task is known to have no instances: it is one of this DAG, and not mapped."""
        if dag_id not in (None, self.dag_id):
            return False
        task = self.task.dag.task_dict.get(task_id)
        return task is None or not task.get_needs_expansion()

    def _pull_many(
        self, task_ids: Any, where: dict[str, Any], prior: bool, map_indexes: Any, default: Any
    ) -> Any:
        wanted = None if task_ids is None else [task_ids] if isinstance(task_ids, str) else list(task_ids)
        indexes = [map_indexes] if isinstance(map_indexes, int) else map_indexes and list(map_indexes)
        params = {**where, "task_ids": wanted, "include_prior_dates": prior, "map_indexes": indexes}
        rows = self._comms.ask("list_xcoms", params)
        values = [unpack(row, where) for row in rows]
        if indexes is not None and wanted is not None:
            found = {
                (row["task_id"], row["map_index"]): value for row, value in zip(rows, values, strict=True)
            }
            places = [(task_id, index) for task_id in wanted for index in indexes]
            if isinstance(task_ids, str) and isinstance(map_indexes, int):
                return found.get(places[0], default)
            return [found.get(place, default) for place in places if place in found or generation() >= 3]
        if task_ids is None or isinstance(task_ids, str):
            mapped = task_ids is not None and any(row["map_index"] >= 0 for row in rows)
            if isinstance(map_indexes, int) or (indexes is None and not mapped):
                return values[-1] if values else default
            return values[0] if indexes is None and len(values) == 1 and generation() >= 3 else values
        by_task: dict[str, list[Any]] = {task_id: [] for task_id in wanted or ()}
        for row, value in zip(rows, values, strict=True):
            by_task[row["task_id"]].append(value)
        return _list_by_task(wanted or (), by_task, default)

    def xcom_delete(self, key: str) -> None:
        """Take back a value this task left."""
        self._comms.ask("delete_xcom", {"key": key})

    def __repr__(self) -> str:
        return f"<TaskInstance: {self.dag_id}.{self.task_id} {self.run_id} [{self.state}]>"


def _list_by_task(wanted: Iterable[str], found: dict[str, list[Any]], default: Any) -> list[Any]:
    """The values of several tasks in one list. A task that left nothing is not in it in 2.x, and stands in it with
    the default in 1.10 and 3.x."""
    if generation() == 2:
        return [value for values in found.values() for value in values]
    return [value for task_id in wanted for value in found[task_id] or [default]]


RuntimeTaskInstance = TaskInstance
