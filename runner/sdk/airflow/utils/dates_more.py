"""Arithmetic on dates of 1.10 and 2.x; `airflow.utils.dates` has these names too."""

from __future__ import annotations

import datetime as dt
from typing import Any

_UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}


def round_time(value: dt.datetime, delta: Any, start_date: dt.datetime | None = None) -> dt.datetime:
    """The nearest of the moments that lie `delta` apart, counted from `start_date`. Raises TypeError for cron texts."""
    if isinstance(delta, str):
        raise TypeError(f"cannot round to the schedule {delta!r}: give a timedelta")
    first = start_date or dt.datetime.min.replace(tzinfo=value.tzinfo)
    if value <= first:
        return first
    steps, rest = divmod(value - first, delta)
    nearest: dt.datetime = first + (steps + (rest * 2 >= delta)) * delta
    return nearest


def infer_time_unit(time_seconds_arr: list[float]) -> str:
    """The unit in which the largest of these durations reads best."""
    longest = max(time_seconds_arr, default=0)
    if longest <= 2 * _UNITS["minutes"]:
        return "seconds"
    if longest <= 2 * _UNITS["hours"]:
        return "minutes"
    return "hours" if longest <= 2 * _UNITS["days"] else "days"


def scale_time_units(time_seconds_arr: list[float], unit: str) -> list[float]:
    """Seconds in that unit."""
    return [seconds / _UNITS.get(unit, 1.0) for seconds in time_seconds_arr]


def datetime_to_nano(value: dt.datetime | None) -> int | None:
    """Epoch nanoseconds."""
    if value is None:
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return round(aware.timestamp() * 1_000_000) * 1000
