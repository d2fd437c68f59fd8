"""The run that a task belongs to, as its code sees it: facts, not a database row."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow._wire import encoding
from airflow.models.records import RecordMeta

DATES = (
    "logical_date", "data_interval_start", "data_interval_end", "run_after", "start_date", "end_date", "queued_at",
    "prev_logical_date", "next_logical_date", "partition_date",
)  # fmt: skip


class DagRun(metaclass=RecordMeta):
    """`dag_run` in a template or a function: run_id, conf, run_type, logical_date (execution_date) and the rest."""

    def __init__(self, dag_id: str, run_id: str, facts: dict[str, Any]) -> None:
        self._facts = facts
        self.dag_id, self.run_id = dag_id, run_id
        self.conf: dict[str, Any] = encoding.from_plain(facts.get("conf")) or {}
        self.run_type: str = facts.get("run_type") or "manual"
        self.external_trigger: bool = bool(facts.get("external_trigger", self.run_type == "manual"))
        self.state: str = facts.get("state") or "running"
        self.note: str | None = facts.get("note")
        self.partition_key: str | None = facts.get("partition_key")

    def __getattr__(self, name: str) -> Any:
        """A fact, read when it is first asked for; dates are pendulum's. None for a date the run does not have."""
        facts = self.__dict__.get("_facts", {})
        if name not in DATES and name not in facts:
            raise AttributeError(f"a DAG run has no {name!r}")
        value = encoding.from_plain(facts.get(name))
        self.__dict__[name] = value = as_pendulum(value) if name in DATES else value
        return value

    @staticmethod
    def generate_run_id(
        run_type: str,
        logical_date: dt.datetime | None = None,
        run_after: dt.datetime | None = None,
        **older: Any,
    ) -> str:
        """The id that a run gets unless it is given one: `manual__<date>`, with random letters without a date."""
        at = logical_date or older.get("execution_date")
        if at is not None:
            return f"{run_type}__{at.isoformat()}"
        import secrets

        return f"{run_type}__{run_after.isoformat() if run_after else ''}_{secrets.token_hex(4)}"

    @classmethod
    def find(
        cls,
        dag_id: str | list[str] | None = None,
        run_id: str | list[str] | None = None,
        execution_date: Any = None,
        state: Any = None,
        external_trigger: bool | None = None,
        no_backfills: bool = False,
        run_type: Any = None,
        session: Any = None,
        execution_start_date: Any = None,
        execution_end_date: Any = None,
        logical_date: Any = None,
        logical_start_date: Any = None,
        logical_end_date: Any = None,
        **_: Any,
    ) -> list[DagRun]:
        """The runs that fit, by logical date; asks the engine, which answers at most the newest 1,000."""
        from airflow.models.records import find_runs

        dates = logical_date or execution_date
        found = find_runs(
            dag_ids=dag_id,
            run_ids=run_id,
            states=state,
            run_types=run_type,
            start=logical_start_date or execution_start_date or dates,
            end=logical_end_date or execution_end_date or dates,
        )
        runs = [cls(facts["dag_id"], facts["run_id"], facts) for facts in found]
        return [
            run
            for run in runs
            if (external_trigger is None or run.external_trigger == external_trigger)
            and not (no_backfills and run.is_backfill)
        ]

    @classmethod
    def get_run(cls, dag_id: str, run_id: str) -> DagRun | None:
        """The run of that id, or None."""
        return next(iter(cls.find(dag_id=dag_id, run_id=run_id)), None)

    def has_date(self) -> bool:
        """Whether the run has a logical date."""
        return self._facts.get("logical_date") is not None

    @property
    def execution_date(self) -> Any:
        """The name of logical_date in 1.10 and 2.x."""
        return self.logical_date

    @property
    def is_backfill(self) -> bool:
        return self.run_type == "backfill"

    def get_task_instance(self, task_id: str, map_index: int = -1, **_: Any) -> Any:
        """The state of a task of this run, or None when it has none; asks the engine."""
        states = self._states([task_id])
        return TaskInstanceFacts(self, task_id, states[task_id]) if task_id in states else None

    def get_task_instances(self, state: Any = None, **_: Any) -> list[Any]:
        """The tasks of this run with their states, all or those in the given ones; asks the engine."""
        wanted = None if state is None else {state} if isinstance(state, str) else set(state)
        found = [TaskInstanceFacts(self, task_id, value) for task_id, value in self._states(None).items()]
        return [item for item in found if wanted is None or item.state in wanted]

    def _states(self, task_ids: list[str] | None) -> dict[str, Any]:
        from airflow._task.comms import required

        params = {"dag_id": self.dag_id, "run_id": self.run_id, "task_ids": task_ids}
        return dict(required("read the states of tasks").ask("get_task_states", params))

    def __repr__(self) -> str:
        return f"<DagRun {self.dag_id} @ {self.run_id}>"


class TaskInstanceFacts:
    """A task of a run, and its state when it was asked."""

    def __init__(self, dag_run: DagRun, task_id: str, state: str | None) -> None:
        self.dag_run, self.dag_id, self.run_id = dag_run, dag_run.dag_id, dag_run.run_id
        self.task_id, self.state = task_id, state

    def current_state(self) -> str | None:
        return self.state

    def __repr__(self) -> str:
        return f"<TaskInstance: {self.dag_id}.{self.task_id} {self.run_id} [{self.state}]>"


def as_pendulum(value: Any) -> Any:
    """A date of any form (datetime, ISO text, epoch seconds) as a pendulum DateTime in UTC; None stays."""
    if value is None:
        return None
    import pendulum

    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if isinstance(value, (int, float)):
        value = dt.datetime.fromtimestamp(value, dt.UTC)
    at = (value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    # pendulum's own conversions give the same and take ten times as long
    return pendulum.DateTime(
        at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, tzinfo=pendulum.UTC
    )
