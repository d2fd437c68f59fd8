"""Rhythms: instants one after the other, by cron expressions or by steps of one length."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dateutil.relativedelta import relativedelta, weekday

from runner.domain.cron import BadSchedule, read_cron

Step = Any
"""A timedelta or a relativedelta: what adds to a datetime."""
_BASE = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


class Steps(Protocol):
    """A rhythm."""

    def find_next(self, current: dt.datetime) -> dt.datetime: ...
    def find_previous(self, current: dt.datetime) -> dt.datetime: ...
    def align_up(self, current: dt.datetime) -> dt.datetime: ...
    def align_down(self, current: dt.datetime) -> dt.datetime: ...
    def find_newest_start(self, now: dt.datetime, anchor: dt.datetime | None) -> dt.datetime:
        """Where the newest interval that is over begins; `anchor` is where the rhythm does."""


@dataclass(frozen=True, slots=True)
class Delta:
    """Steps of one length, which may be in months; any instant is on the rhythm."""

    step: Step

    def find_next(self, current: dt.datetime) -> dt.datetime:
        found: dt.datetime = current + self.step
        return found

    def find_previous(self, current: dt.datetime) -> dt.datetime:
        found: dt.datetime = current - self.step
        return found

    def align_up(self, current: dt.datetime) -> dt.datetime:
        return current

    def align_down(self, current: dt.datetime) -> dt.datetime:
        return current

    def find_newest_start(self, now: dt.datetime, anchor: dt.datetime | None) -> dt.datetime:
        """Steps of seconds lie on a grid from the epoch; months have no fixed length and count from `anchor`."""
        grid = _count_seconds(self.step)
        if grid is not None:
            return self.find_previous(_at(now.timestamp() - now.timestamp() % grid))
        boundary = anchor or now
        while (after := self.find_next(boundary)) <= now:
            boundary = after
        return self.find_previous(boundary)


def read_steps(timetable: Mapping[str, Any]) -> Steps:
    """The rhythm of a cron or delta timetable. Raises BadSchedule."""
    if timetable["kind"] == "cron":
        return read_cron(str(timetable["expression"]), str(timetable.get("timezone", "UTC")))
    step = read_length(timetable.get("relative") or timetable.get("seconds"))
    if _BASE + step <= _BASE:
        shown = timetable.get("summary", step)
        raise BadSchedule(f"cannot use a schedule of {shown}: it must be longer than nothing")
    return Delta(step)


def read_length(value: Any) -> Step:
    """A length of time: seconds, or the parts of a relativedelta. Raises BadSchedule."""
    if not isinstance(value, Mapping):
        return dt.timedelta(seconds=float(value or 0.0))
    parts = dict(value)
    day = parts.pop("weekday", None)
    try:
        return relativedelta(**parts, weekday=None if day is None else weekday(*day))
    except (TypeError, ValueError) as error:
        raise BadSchedule(f"cannot use a schedule of {dict(value)}: {error}") from None


def _count_seconds(step: Step) -> float | None:
    """The length of a step; None when it depends on the calendar."""
    if isinstance(step, dt.timedelta):
        return float(step.total_seconds())
    if step.years or step.months:
        return None
    parts = dt.timedelta(days=step.days, hours=step.hours, minutes=step.minutes, seconds=step.seconds)
    return parts.total_seconds() or None


def _at(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
