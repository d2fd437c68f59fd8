"""Timetables with data intervals: a run covers [start, end) and may begin at its end."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.timetables.base import Timetable
from airflow.timetables.cron import expand
from airflow.utils.timezone import parse_timezone, zone_name


class CronTimetable(Timetable):
    """Ticks by a cron expression in a zone (the DAG's own when none is named)."""

    interval = True

    def __init__(self, cron: str, timezone: str | dt.tzinfo | None = None) -> None:
        self.expression = cron
        self.timezone = parse_timezone(timezone) if isinstance(timezone, str) else timezone
        self._expanded = expand(cron)

    @property
    def summary(self) -> str:
        return self.expression

    def to_wire(self, zone: str) -> dict[str, Any]:
        return {
            "kind": "cron",
            "expression": self._expanded,
            "timezone": zone_name(self.timezone) if self.timezone is not None else zone,
            "interval": self.interval,
            "summary": self.summary,
        }


class CronDataIntervalTimetable(CronTimetable):
    """Runs cover the time between two ticks."""


class DeltaTimetable(Timetable):
    """Ticks every `delta` (timedelta, relativedelta) from the start date."""

    interval = True

    def __init__(self, delta: Any) -> None:
        self.delta = delta

    @property
    def summary(self) -> str:
        return str(self.delta)

    def to_wire(self, zone: str) -> dict[str, Any]:
        shared = {"kind": "delta", "timezone": zone, "interval": self.interval, "summary": self.summary}
        if isinstance(self.delta, dt.timedelta):
            return {**shared, "seconds": self.delta.total_seconds()}
        return {**shared, "relative": _relative(self.delta)}


class DeltaDataIntervalTimetable(DeltaTimetable):
    """Runs cover `delta`."""


_UNITS = ("years", "months", "days", "hours", "minutes", "seconds", "microseconds")


def _relative(delta: Any) -> dict[str, int]:
    return {unit: int(getattr(delta, unit)) for unit in _UNITS if getattr(delta, unit, 0)}
