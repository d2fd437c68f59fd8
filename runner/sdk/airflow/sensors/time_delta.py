"""TimeDeltaSensor: waits for some time after the run's interval. WaitSensor: waits for some time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from airflow._task.timeouts import pause
from airflow.sensors.base import BaseSensorOperator, default_deferrable
from airflow.utils.timezone import utcnow


class TimeDeltaSensor(BaseSensorOperator):
    """The wait is over `delta` after the end of the data interval, or after `run_after` in a run without one.

    `delta` is a timedelta, or a number of minutes (which a template may give).
    """

    template_fields: Sequence[str] = ("delta",)

    def __init__(
        self,
        *,
        delta: dt.timedelta | int | str,
        deferrable: bool | None = None,
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.delta = delta
        self.deferrable = default_deferrable(deferrable)
        self.end_from_trigger = end_from_trigger

    def _find_target(self, context: Any) -> dt.datetime:
        base: dt.datetime = context.get("data_interval_end") or context["dag_run"].run_after
        return base + minutes(self.delta)

    def poke(self, context: Any) -> bool:
        target = self._find_target(context)
        self.log.info("Checking if the time (%s) has come", target)
        return utcnow() > target

    def execute(self, context: Any) -> Any:
        if not self.deferrable:
            return super().execute(context)
        target = self._find_target(context)
        if utcnow() > target:
            return True
        from airflow.triggers.temporal import DateTimeTrigger

        return self.defer(
            trigger=DateTimeTrigger(moment=target, end_from_trigger=self.end_from_trigger),
            method_name="execute_complete",
            timeout=dt.timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """The time has come."""


class TimeDeltaSensorAsync(TimeDeltaSensor):
    """TimeDeltaSensor that holds no process while it waits."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.pop("deferrable", None)
        super().__init__(deferrable=True, **kwargs)


class WaitSensor(BaseSensorOperator):
    """Waits for `time_to_wait` (a timedelta or minutes) from the start of the task."""

    template_fields: Sequence[str] = ("time_to_wait",)

    def __init__(
        self, *, time_to_wait: dt.timedelta | int | str, deferrable: bool | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.time_to_wait = time_to_wait
        self.deferrable = default_deferrable(deferrable)

    def execute(self, context: Any) -> None:
        length = minutes(self.time_to_wait)
        if not self.deferrable:
            pause(int(length.total_seconds()))
            return
        from airflow.triggers.temporal import TimeDeltaTrigger

        self.defer(trigger=TimeDeltaTrigger(length), method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """The time has passed."""


def minutes(value: dt.timedelta | int | str) -> dt.timedelta:
    """A length of time; a bare number means minutes."""
    return value if isinstance(value, dt.timedelta) else dt.timedelta(minutes=int(value))
