"""DateTimeSensor: waits for a moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from airflow.sensors.base import BaseSensorOperator, begin_with_trigger
from airflow.utils.timezone import parse, utcnow

TRIGGER = "airflow.providers.standard.triggers.temporal.DateTimeTrigger"


class DateTimeSensor(BaseSensorOperator):
    """The wait is over after `target_time` (a datetime, or text such as a template)."""

    template_fields: Sequence[str] = ("target_time",)

    def __init__(self, *, target_time: str | dt.datetime, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(target_time, dt.datetime):
            target_time = target_time.isoformat()
        if not isinstance(target_time, str) and not hasattr(target_time, "resolve"):
            raise TypeError(
                f"cannot use {target_time!r} as target_time: it is a {type(target_time).__name__}, not a datetime"
            )
        self.target_time = target_time

    def poke(self, context: Any) -> bool:
        self.log.info("Checking if the time (%s) has come", self.target_time)
        return bool(utcnow() > self._moment)

    @property
    def _moment(self) -> Any:
        value: Any = self.target_time  # a template may have become a datetime
        return parse(value.isoformat() if isinstance(value, dt.datetime) else str(value))


class DateTimeSensorAsync(DateTimeSensor):
    """DateTimeSensor that holds no process while it waits."""

    def __init__(
        self,
        *,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.end_from_trigger = end_from_trigger
        if start_from_trigger:
            given = {"target_time": self.target_time, "end_from_trigger": end_from_trigger}
            begin_with_trigger(self, TRIGGER, given)

    def execute(self, context: Any) -> None:
        from airflow.triggers.temporal import DateTimeTrigger

        trigger = DateTimeTrigger(moment=self._moment, end_from_trigger=self.end_from_trigger)
        self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """The moment has come."""
