"""TriggerDagRunOperator: starts a run of another DAG."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from typing import Any

from airflow.exceptions import AirflowException, AirflowSkipException, DagIsPaused, DagRunTriggerException
from airflow.models.baseoperator import BaseOperator
from airflow.models.dagrun import DagRun
from airflow.models.operator_link import BaseOperatorLink, run_address
from airflow.sensors.base import default_deferrable
from airflow.utils.state import DagRunState
from airflow.utils.timezone import parse, utcnow
from airflow.utils.types import NOTSET, is_arg_set

__all__ = ["XCOM_RUN_ID", "DagIsPaused", "DagRunOrder", "TriggerDagRunLink", "TriggerDagRunOperator"]
XCOM_RUN_ID = "trigger_run_id"
XCOM_LOGICAL_DATE_ISO = "trigger_logical_date_iso"


class TriggerDagRunLink(BaseOperatorLink):
    """From the task to the run it started."""

    name = "Triggered DAG"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return run_address(operator.trigger_dag_id, operator.trigger_run_id or "")


class DagRunOrder:
    """What 1.10's `python_callable(context, order)` fills in and returns: the run's id and its conf (payload)."""

    def __init__(self, run_id: str | None = None, payload: Any = None) -> None:
        self.run_id, self.payload = run_id, payload


class TriggerDagRunOperator(BaseOperator):
    """Starts a run of `trigger_dag_id` with `conf`, for `logical_date` (now) and under `trigger_run_id` (made up).

    A run that exists is cleared with `reset_dag_run`, skips this task with `skip_when_already_exists`, and else fails
    it. With `wait_for_completion` the task ends when the run is in one of `allowed_states` (success) and fails when it
    is in one of `failed_states`; it looks every `poke_interval` seconds, or leaves that to a trigger (`deferrable`).
    `python_callable(context, order)` is 1.10's form: it returns the order, or nothing to start nothing.
    """

    template_fields: Sequence[str] = (
        "trigger_dag_id", "trigger_run_id", "logical_date", "conf", "wait_for_completion", "skip_when_already_exists",
    )  # fmt: skip
    template_fields_renderers = {"conf": "py"}
    ui_color = "#ffefeb"
    operator_extra_links = (TriggerDagRunLink(),)

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        trigger_run_id: str | None = None,
        conf: dict[str, Any] | None = None,
        logical_date: Any = NOTSET,
        execution_date: Any = NOTSET,
        run_after: Any = NOTSET,
        reset_dag_run: bool = False,
        wait_for_completion: bool = False,
        poke_interval: int = 60,
        allowed_states: Sequence[str] | None = None,
        failed_states: Sequence[str] | None = None,
        skip_when_already_exists: bool = False,
        fail_when_dag_is_paused: bool = False,
        note: str | None = None,
        deferrable: bool | None = None,
        python_callable: Callable[[Any, DagRunOrder], Any] | None = None,
        openlineage_inject_parent_info: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if execution_date is not None and is_arg_set(execution_date) and not is_arg_set(logical_date):
            logical_date = execution_date  # the name before Airflow 3, where None meant now
        for name, value in (("logical_date", logical_date), ("run_after", run_after)):
            _check_date(name, value)
        self.trigger_dag_id, self.trigger_run_id, self.conf = trigger_dag_id, trigger_run_id, conf
        self.logical_date, self.run_after = logical_date, run_after
        self.reset_dag_run, self.wait_for_completion = reset_dag_run, wait_for_completion
        self.poke_interval = poke_interval
        self.allowed_states = [DagRunState(state) for state in allowed_states or ("success",)]
        failed = ("failed",) if failed_states is None else failed_states
        self.failed_states = [DagRunState(state) for state in failed]
        self.skip_when_already_exists = skip_when_already_exists
        self.fail_when_dag_is_paused = fail_when_dag_is_paused
        self.note = note
        self.deferrable = default_deferrable(deferrable)
        self.python_callable = python_callable

    @property
    def external_dags(self) -> list[dict[str, Any]]:
        """The arrow to the DAG that is started."""
        return [{"kind": "trigger", "dag_id": self.trigger_dag_id}]

    def execute(self, context: Any) -> None:
        if self.python_callable is not None:
            self._take_order(context)
        logical, after = self._read_dates()
        if not self.trigger_run_id:
            self.trigger_run_id = DagRun.generate_run_id("manual", logical, after or utcnow())
        if self.fail_when_dag_is_paused and context["ti"].get_dag(self.trigger_dag_id).is_paused:
            raise DagIsPaused(dag_id=self.trigger_dag_id)
        raise DagRunTriggerException(
            trigger_dag_id=self.trigger_dag_id,
            dag_run_id=str(self.trigger_run_id),
            conf=self._read_conf(),
            logical_date=logical,
            run_after=after,
            reset_dag_run=self.reset_dag_run,
            skip_when_already_exists=self.skip_when_already_exists,
            wait_for_completion=self.wait_for_completion,
            allowed_states=self.allowed_states,
            failed_states=self.failed_states,
            poke_interval=self.poke_interval,
            deferrable=self.deferrable,
            note=self.note,
        )

    def execute_complete(self, context: Any, event: tuple[str, dict[str, Any]]) -> None:
        """The run has ended: as allowed, or else this task fails."""
        _, data = event
        run_ids = data.get("run_ids") or []
        self.trigger_run_id = run_ids[0] if len(run_ids) == 1 else None
        failed = [run_id for run_id in run_ids if data.get(run_id) in self.failed_states]
        if failed:
            raise AirflowException(
                f"{self.trigger_dag_id} failed with failed states {self.failed_states} for run_ids {failed}"
            )

    def _take_order(self, context: Any) -> None:
        """1.10: a function decides whether a run starts, and with what."""
        assert self.python_callable is not None  # noqa: S101 - the caller has looked
        order = self.python_callable(context, DagRunOrder(run_id=self.trigger_run_id))
        if not order:
            raise AirflowSkipException("no run is started: the function gave no order")
        self.trigger_run_id, self.conf = order.run_id or self.trigger_run_id, order.payload

    def _read_dates(self) -> tuple[dt.datetime | None, dt.datetime | None]:
        """Logical date and run_after. With neither it is now; with run_after alone there is no logical date."""
        after = _read_date("run_after", self.run_after) if is_arg_set(self.run_after) else None
        if is_arg_set(self.logical_date):
            return _read_date("logical_date", self.logical_date), after
        return (None if is_arg_set(self.run_after) else utcnow()), after

    def _read_conf(self) -> Any:
        try:
            if self.conf and isinstance(self.conf, str):
                self.conf = json.loads(self.conf)
            json.dumps(self.conf)
        except (TypeError, ValueError):
            raise ValueError(f"cannot start a run: conf is no JSON: {self.conf!r}") from None
        return self.conf


def _check_date(name: str, value: Any) -> None:
    if is_arg_set(value) and not (value is None or isinstance(value, (str, dt.datetime))):
        raise TypeError(
            f"cannot use {value!r} as {name}: it is a {type(value).__name__}, not a datetime or text"
        )


def _read_date(name: str, value: Any) -> dt.datetime | None:
    _check_date(name, value)
    found: dt.datetime | None = parse(value) if isinstance(value, str) else value
    return found
