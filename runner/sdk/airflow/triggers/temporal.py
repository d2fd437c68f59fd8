"""Waiting for a point in time."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

from airflow.models.dagrun import as_pendulum
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent
from airflow.utils.timezone import utcnow

LONGEST_SLEEP = 300.0
"""The clock may be set while we sleep: nothing is slept through for longer."""


class DateTimeTrigger(BaseTrigger):
    """Fires at `moment`, an aware datetime, or at `target_time`, a datetime or its ISO 8601 text.

    With `end_from_trigger` the task has then succeeded, and is not resumed.
    """

    def __init__(
        self,
        moment: dt.datetime | None = None,
        *,
        target_time: dt.datetime | str | None = None,
        end_from_trigger: bool = False,
    ) -> None:
        super().__init__()
        if (moment is None) == (target_time is None):
            raise TypeError("cannot make a DateTimeTrigger: it takes either moment or target_time")
        if moment is not None and not isinstance(moment, dt.datetime):
            raise TypeError(f"cannot wait for {moment!r}: it is a {type(moment).__name__}, not a datetime")
        if moment is not None and moment.tzinfo is None:
            raise ValueError("cannot wait for a naive datetime: give it a time zone")
        self.target_time = target_time
        self.end_from_trigger = end_from_trigger
        self._moment = moment

    @property
    def moment(self) -> Any:
        """When it fires, in UTC."""
        at = self._moment if self._moment is not None else self.target_time
        return as_pendulum(at)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        when = {"target_time": self.target_time} if self._moment is None else {"moment": self._moment}
        classpath = "airflow.providers.standard.triggers.temporal.DateTimeTrigger"
        return classpath, {**when, "end_from_trigger": self.end_from_trigger}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        moment = self.moment
        while (left := (moment - utcnow()).total_seconds()) > 0:
            await asyncio.sleep(min(left, LONGEST_SLEEP))
        yield TaskSuccessEvent() if self.end_from_trigger else TriggerEvent(moment)


class TimeDeltaTrigger(DateTimeTrigger):
    """A DateTimeTrigger that fires `delta` from now."""

    def __init__(self, delta: dt.timedelta, *, end_from_trigger: bool = False) -> None:
        super().__init__(moment=utcnow() + delta, end_from_trigger=end_from_trigger)
