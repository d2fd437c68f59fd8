"""TimeSensor: waits for a time of the day."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.sensors.base import BaseSensorOperator, begin_with_trigger, default_deferrable
from airflow.sensors.date_time import TRIGGER
from airflow.utils.timezone import utcnow


class TimeSensor(BaseSensorOperator):
    """The wait is over after `target_time` of the day on which the task runs, in the DAG's time zone.

    The day is that of the execution: the process that loaded the DAG file may be older than that.
    """

    def __init__(
        self,
        *,
        target_time: dt.time,
        deferrable: bool | None = None,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target_time = target_time
        self.deferrable = default_deferrable(deferrable)
        self.end_from_trigger = end_from_trigger
        self._target: dt.datetime | None = None
        if start_from_trigger:
            given = {"moment": self.target_datetime, "end_from_trigger": end_from_trigger}
            begin_with_trigger(self, TRIGGER, given)

    @property
    def target_datetime(self) -> dt.datetime:
        """The moment that is waited for, in UTC."""
        if self._target is not None:
            return self._target
        zone = self.dag.timezone
        today = dt.datetime.now(zone)
        return dt.datetime.combine(today, self.target_time, self.target_time.tzinfo or zone).astimezone(
            dt.UTC
        )

    def execute(self, context: Any) -> Any:
        self._target = self.target_datetime
        if not self.deferrable:
            return super().execute(context)
        from airflow.triggers.temporal import DateTimeTrigger

        trigger = DateTimeTrigger(moment=self._target, end_from_trigger=self.end_from_trigger)
        return self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """The time has come."""

    def poke(self, context: Any) -> bool:
        self.log.info("Checking if the time (%s) has come", self.target_datetime)
        return utcnow() > self.target_datetime


class TimeSensorAsync(TimeSensor):
    """TimeSensor that holds no process while it waits."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.pop("deferrable", None)
        super().__init__(deferrable=True, **kwargs)
