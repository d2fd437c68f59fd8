"""Timetables without data intervals: a run begins at its tick and covers no time."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.exceptions import NotSupported
from airflow.timetables.interval import CronTimetable, DeltaTimetable


class CronTriggerTimetable(CronTimetable):
    """Runs at the ticks of a cron expression."""

    interval = False

    def __init__(
        self,
        cron: str,
        *,
        timezone: str | dt.tzinfo | None = None,
        interval: Any = dt.timedelta(0),
        run_immediately: bool | dt.timedelta = False,
    ) -> None:
        _refuse_interval(type(self), interval)
        super().__init__(cron, timezone)
        self.run_immediately = run_immediately


class DeltaTriggerTimetable(DeltaTimetable):
    """Runs every `delta`."""

    interval = False

    def __init__(self, delta: Any, *, interval: Any = dt.timedelta(0)) -> None:
        _refuse_interval(type(self), interval)
        super().__init__(delta)


def _refuse_interval(kind: type, interval: Any) -> None:
    if interval:
        raise NotSupported(
            f"cannot use {kind.__name__} with interval={interval}: only a length of zero works yet"
        )
