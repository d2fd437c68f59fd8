"""ExternalTaskSensor: waits for tasks, a group or a run of another DAG. ExternalTaskMarker: says that one waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from airflow.configuration import generation
from airflow.exceptions import AirflowException, AirflowSkipException
from airflow.models.operator_link import BaseOperatorLink, run_address
from airflow.operators.empty import EmptyOperator
from airflow.sensors.base import BaseSensorOperator, default_deferrable
from airflow.utils.state import State

_STATES = ("allowed_states", "skipped_states", "failed_states")


class ExternalDagNotFoundError(AirflowException):
    """The DAG does not exist."""


class ExternalDagDeletedError(AirflowException):
    """No file has the DAG any more."""


class ExternalTaskNotFoundError(AirflowException):
    """The DAG has no such task."""


class ExternalTaskGroupNotFoundError(AirflowException):
    """The DAG has no such group."""


class ExternalTaskFailedError(AirflowException):
    """The task that was waited for failed."""


class ExternalTaskGroupFailedError(AirflowException):
    """The group that was waited for failed."""


class ExternalDagFailedError(AirflowException):
    """The run that was waited for failed."""


class DuplicateStateError(AirflowException):
    """A state is in two of the lists of states."""


class ExternalDagLink(BaseOperatorLink):
    """From the sensor to the run it waits for."""

    name = "External DAG"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return run_address(operator.external_dag_id, ti_key.run_id)


class ExternalTaskSensor(BaseSensorOperator):
    """Waits until tasks, a task group or (with neither) the run of another DAG is in one of `allowed_states` (success).

    The run is the one of the same logical date, or earlier by `execution_delta`, or of the dates that
    `execution_date_fn(logical_date, **context)` returns: then in all of them. One run in `failed_states` fails the
    task (skips it with `soft_fail`), one in `skipped_states` skips it; without these the sensor waits on.
    `check_existence` has a meaning before Airflow 3. Raises ValueError for arguments that contradict each other.
    """

    template_fields: Sequence[str] = (
        "external_dag_id", "external_task_id", "external_task_ids", "external_task_group_id",
    )  # fmt: skip
    ui_color = "#4db7db"
    operator_extra_links = (ExternalDagLink(),)

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        allowed_states: Iterable[str] | None = None,
        skipped_states: Iterable[str] | None = None,
        failed_states: Iterable[str] | None = None,
        execution_delta: dt.timedelta | None = None,
        execution_date_fn: Callable[..., Any] | None = None,
        check_existence: bool = False,
        poll_interval: float | None = None,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        if poll_interval is not None:
            kwargs.setdefault("poke_interval", poll_interval)
        super().__init__(**kwargs)
        self.external_dag_id, self.external_task_group_id = external_dag_id, external_task_group_id
        self.external_task_id, self.external_task_ids = external_task_id, external_task_ids or None
        self.allowed_states = [str(state) for state in allowed_states or ("success",)]
        self.skipped_states = [str(state) for state in skipped_states or ()]
        self.failed_states = [str(state) for state in failed_states or ()]
        self.execution_delta, self.execution_date_fn = execution_delta, execution_date_fn
        self.check_existence = check_existence
        self.deferrable = default_deferrable(deferrable)
        self._check_targets()
        self._check_states()
        if external_task_id is not None:
            self.external_task_ids = [external_task_id]
        self._has_checked_existence = False
        self.external_dates_filter: str | None = None

    @property
    def external_dags(self) -> list[dict[str, Any]]:
        """The arrows between DAGs that the console shows."""
        ids: Any = self.external_task_ids
        ids = ids if isinstance(ids, (list, tuple, set)) else ()
        return [
            {"kind": "sensor", "dag_id": self.external_dag_id, "task_id": name} for name in ids or (None,)
        ]

    def poke(self, context: Any) -> bool:
        ids = list(self.external_task_ids or ())
        if len(ids) > len(set(ids)):
            raise ValueError(f"cannot wait for {ids}: a task is in external_task_ids twice")
        dates = self._find_dates(context)
        self.log.info("Poking for %s on %s ... ", self._name(), self.external_dates_filter)
        self._check_existence_once()
        return self._judge(dates)

    def execute(self, context: Any) -> Any:
        if not self.deferrable:
            return super().execute(context)
        from airflow.triggers.external_task import WorkflowTrigger

        dates = self._find_dates(context)
        self._check_existence_once()
        seconds = self.timeout or (self.execution_timeout.total_seconds() if self.execution_timeout else None)
        names = (
            "external_dag_id",
            "external_task_ids",
            "external_task_group_id",
            "poke_interval",
            "soft_fail",
        )
        trigger = WorkflowTrigger(
            logical_dates=dates, **{name: getattr(self, name) for name in (*names, *_STATES)}
        )
        limit = dt.timedelta(seconds=seconds) if seconds else None
        return self.defer(trigger=trigger, method_name="execute_complete", timeout=limit)

    def execute_complete(self, context: Any, event: dict[str, Any] | None = None) -> None:
        self._find_dates(context)
        status = (event or {}).get("status")
        if status == "success":
            self.log.info("%s has ended as wanted", self._name())
            return
        if status == "skipped" or self.soft_fail:
            raise AirflowSkipException(
                f"{self._name()}: {status or 'nothing came from the trigger'}. Skipping."
            )
        if status == "failed":
            raise ExternalDagFailedError(f"{self._name()} failed")
        raise ExternalTaskNotFoundError(f"cannot tell how {self._name()} stands: check its id and its DAG's")

    # ---- what is waited for ---------------------------------------------------------------------------------

    def _name(self) -> str:
        if self.external_task_ids:
            return f"the tasks {list(self.external_task_ids)} in DAG {self.external_dag_id!r}"
        if self.external_task_group_id:
            return f"the task group {self.external_task_group_id!r} in DAG {self.external_dag_id!r}"
        return f"the DAG {self.external_dag_id!r}"

    def _find_dates(self, context: Any) -> list[dt.datetime]:
        """The logical dates of the runs that are waited for."""
        date = context.get("logical_date") or context["dag_run"].run_after
        found: Any = date
        if self.execution_delta:
            found = date - self.execution_delta
        elif self.execution_date_fn:
            found = self._call_date_fn(date, context)
        dates = list(found) if isinstance(found, (list, tuple)) else [found]
        self.external_dates_filter = ",".join(at.isoformat() for at in dates)
        return dates

    def _call_date_fn(self, date: dt.datetime, context: Any) -> Any:
        from collections import ChainMap

        from airflow.utils.operator_helpers import determine_kwargs

        assert self.execution_date_fn is not None  # noqa: S101 - the caller has looked
        available = ChainMap({"context": context}, context)
        wanted = dict(determine_kwargs(self.execution_date_fn, [date], available))
        for name in ("logical_date", "execution_date"):
            wanted.pop(name, None)
        return self.execution_date_fn(date, **wanted)

    def _judge(self, dates: list[dt.datetime]) -> bool:
        from airflow.utils.external import Target

        ids = list(self.external_task_ids) if self.external_task_ids else None
        target = Target(self.external_dag_id, ids, self.external_task_group_id, dates)
        if self.failed_states and target.count(self.failed_states) > 0:
            raise self._make_failure()
        if self.skipped_states and target.count(self.skipped_states) > 0:
            raise AirflowSkipException(f"{self._name()} reached a state of skipped_states. Skipping.")
        return target.count(self.allowed_states) == target.size

    def _make_failure(self) -> AirflowException:
        if self.soft_fail:
            return AirflowSkipException(f"{self._name()} failed. Skipping due to soft_fail.")
        kind = ExternalTaskGroupFailedError if self.external_task_group_id else ExternalDagFailedError
        return (ExternalTaskFailedError if self.external_task_ids else kind)(f"{self._name()} failed")

    def _check_existence_once(self) -> None:
        if self.check_existence and not self._has_checked_existence and generation() < 3:
            self._check_existence()
        self._has_checked_existence = True

    def _check_existence(self) -> None:
        from airflow._task.comms import CommsError
        from airflow.models.external import get_dag

        where = f"the external DAG {self.external_dag_id!r}"
        try:
            facts = get_dag(self.external_dag_id)
        except CommsError as error:
            if error.code != "not_found":
                raise
            raise ExternalDagNotFoundError(f"{where} does not exist") from None
        if facts.is_stale:
            raise ExternalDagDeletedError(f"{where} was deleted")
        for name in self.external_task_ids or ():
            if name not in facts.task_ids:
                raise ExternalTaskNotFoundError(f"{where} has no task {name!r}")
        if self.external_task_group_id and self.external_task_group_id not in facts.group_ids:
            raise ExternalTaskGroupNotFoundError(f"{where} has no task group {self.external_task_group_id!r}")

    # ---- the arguments --------------------------------------------------------------------------------------

    def _check_targets(self) -> None:
        names = ("external_task_id", "external_task_ids", "external_task_group_id")
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(
                f"cannot create the sensor {self.task_id!r}: choose one of {' and '.join(given)}"
            )
        if self.execution_delta is not None and self.execution_date_fn is not None:
            raise ValueError(
                f"cannot create the sensor {self.task_id!r}: choose one of execution_delta and execution_date_fn"
            )

    def _check_states(self) -> None:
        given = [state for name in _STATES for state in getattr(self, name)]
        if len(given) > len(set(given)):
            raise DuplicateStateError(
                f"cannot create the sensor {self.task_id!r}: a state is twice in {', '.join(_STATES)}"
            )
        is_run = self.external_task_ids is None and not (self.external_task_id or self.external_task_group_id)
        known = {str(state) for state in (State.dag_states if is_run else State.task_states)}
        if wrong := sorted(set(given) - known):
            raise ValueError(f"cannot wait for the states {wrong}; there are {sorted(known)}")


class ExternalTaskMarker(EmptyOperator):
    """Says that a task of another DAG waits for this one, so that clearing this one recursively clears that one too."""

    template_fields: Sequence[str] = ("external_dag_id", "external_task_id", "logical_date", "execution_date")
    ui_color = "#4db7db"
    operator_extra_links = (ExternalDagLink(),)

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str,
        logical_date: str | dt.datetime | None = None,
        execution_date: str | dt.datetime | None = None,
        recursion_depth: int = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.external_dag_id, self.external_task_id = external_dag_id, external_task_id
        date: Any = logical_date or execution_date or "{{ logical_date.isoformat() }}"
        if not isinstance(date, (str, dt.datetime)):
            raise TypeError(f"cannot use {date!r} as logical_date: it is a {type(date).__name__}")
        self.logical_date = self.execution_date = date if isinstance(date, str) else date.isoformat()
        if recursion_depth <= 0:
            raise ValueError(f"cannot use {recursion_depth} as recursion_depth: it must be more than 0")
        self.recursion_depth = recursion_depth

    @property
    def external_dags(self) -> list[dict[str, Any]]:
        """The arrow to the task that waits."""
        return [{"kind": "marker", "dag_id": self.external_dag_id, "task_id": self.external_task_id}]


ExternalTaskSensorLink = ExternalDagLink
