"""days_ago and date_range, which 3.x has no more."""

from __future__ import annotations

import datetime as dt
from datetime import datetime, timedelta
from typing import Any

from airflow.timetables.cron import PRESETS
from airflow.utils.timezone import utcnow

cron_presets = {name: expression for name, expression in PRESETS.items() if name != "@midnight"}

__all__ = ["cron_presets", "date_range", "datetime", "days_ago", "parse_execution_date", "timedelta"]
"""`datetime` and `timedelta` were never meant to be had from here, but files take them from here."""


def days_ago(n: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0) -> dt.datetime:
    """Midnight (or that time of day) in UTC, `n` days before today."""
    today = utcnow().replace(hour=hour, minute=minute, second=second, microsecond=microsecond)
    return today - dt.timedelta(days=n)


def date_range(
    start_date: dt.datetime, end_date: dt.datetime | None = None, num: int | None = None, delta: Any = None
) -> list[dt.datetime]:
    """Dates from `start_date` in steps of `delta`: up to `end_date`, or `num` of them (backwards when negative)."""
    if delta is None:
        return []
    if (end_date is None) == (num is None):
        raise ValueError("cannot list dates: give either end_date or num")
    found, current = [], start_date
    if num is not None:
        for _ in range(abs(num)):
            found.append(current)
            current = current + delta if num > 0 else current - delta
        return sorted(found)
    while end_date is not None and current <= end_date:
        found.append(current)
        current += delta
    return found


def parse_execution_date(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
