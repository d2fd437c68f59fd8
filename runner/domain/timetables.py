"""When a DAG's runs happen: pure functions of the timetable, the last run, the DAG's limits and the time.

With interval semantics a run covers [start, end) and starts at its end; with trigger semantics the interval is
empty and the run starts at its tick. Times are epoch seconds outside and UTC datetimes inside.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from runner.domain.cron import BadSchedule, read_cron

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run that the timetable asks for."""

    logical_date: float
    interval_start: float
    interval_end: float
    run_after: float


class Steps(Protocol):
    """A rhythm: instants one after the other."""

    def find_next(self, current: dt.datetime) -> dt.datetime: ...
    def find_previous(self, current: dt.datetime) -> dt.datetime: ...
    def align_up(self, current: dt.datetime) -> dt.datetime: ...
    def align_down(self, current: dt.datetime) -> dt.datetime: ...


@dataclass(frozen=True, slots=True)
class Delta:
    """Steps of one length, which may be in months; any instant is on the rhythm."""

    seconds: float = 0.0
    months: int = 0

    def find_next(self, current: dt.datetime) -> dt.datetime:
        return self._move(current, 1)

    def find_previous(self, current: dt.datetime) -> dt.datetime:
        return self._move(current, -1)

    def align_up(self, current: dt.datetime) -> dt.datetime:
        return current

    def align_down(self, current: dt.datetime) -> dt.datetime:
        return current

    @property
    def length(self) -> float:
        """About how many seconds a step takes."""
        return self.seconds + self.months * 30 * 86400

    def _move(self, current: dt.datetime, sign: int) -> dt.datetime:
        return _add_months(current, sign * self.months) + dt.timedelta(seconds=sign * self.seconds)


def next_run(
    timetable: Mapping[str, Any],
    last: Interval | None,
    start: float | None,
    end: float | None,
    catchup: bool,
    now: float,
) -> RunInfo | None:
    """The next run to make after `last` (the interval of the newest scheduled run), or None when there is none.

    `start` and `end` are the DAG's dates. Without `catchup` all that lies before the newest interval is passed over.
    """
    kind = timetable.get("kind", "null")
    if kind == "null":
        return None
    if kind == "once":
        return _next_once(last, start, end, now)
    if kind == "continuous":
        return _next_continuous(last, start, end, now)
    steps = read_steps(timetable)
    limits = (last, _when(start), _when(end), catchup, _at(now))
    return _next_interval(steps, *limits) if timetable.get("interval") else _next_trigger(steps, *limits)


def infer_manual_interval(timetable: Mapping[str, Any], run_after: float) -> Interval:
    """The interval of a run that a user starts by hand: the last whole one before, or the moment itself."""
    if timetable.get("kind") not in ("cron", "delta") or not timetable.get("interval"):
        return (run_after, run_after)
    steps = read_steps(timetable)
    end = steps.align_down(_at(run_after))
    return (steps.find_previous(end).timestamp(), end.timestamp())


def read_steps(timetable: Mapping[str, Any]) -> Steps:
    """The rhythm of a cron or delta timetable. Raises BadSchedule."""
    if timetable["kind"] == "cron":
        return read_cron(str(timetable["expression"]), str(timetable.get("timezone", "UTC")))
    relative = timetable.get("relative") or {}
    days = relative.get("weeks", 0) * 7 + relative.get("days", 0)
    span = dt.timedelta(
        days=days, **{k: relative.get(k, 0) for k in ("hours", "minutes", "seconds", "microseconds")}
    )
    delta = Delta(
        span.total_seconds() + float(timetable.get("seconds") or 0.0),
        relative.get("years", 0) * 12 + relative.get("months", 0),
    )
    if delta.length <= 0:
        raise BadSchedule(
            f"cannot use a schedule of {timetable.get('summary', delta)}: it must be longer than nothing"
        )
    return delta


def _next_interval(
    steps: Steps,
    last: Interval | None,
    start: dt.datetime | None,
    end: dt.datetime | None,
    catchup: bool,
    now: dt.datetime,
) -> RunInfo | None:
    earliest = steps.align_up(start) if start else None
    if not catchup:
        newest = _find_newest_start(steps, now)
        earliest = max(earliest, newest) if earliest else newest
    begin = max((x for x in (_align_last(steps, last), earliest) if x), default=None)
    if begin is None or (end and begin > end):
        return None
    finish = steps.find_next(begin)
    return RunInfo(begin.timestamp(), begin.timestamp(), finish.timestamp(), finish.timestamp())


def _next_trigger(
    steps: Steps,
    last: Interval | None,
    start: dt.datetime | None,
    end: dt.datetime | None,
    catchup: bool,
    now: dt.datetime,
) -> RunInfo | None:
    candidates = []
    if last:
        candidates.append(steps.find_next(_at(last[1])))
    elif start is None:
        candidates.append(steps.find_next(now))
    if start and not (catchup and last):
        candidates.append(steps.align_up(start))
    if not catchup:
        candidates.append(steps.align_down(now))
    tick = max(candidates)
    return None if end and tick > end else _moment(tick.timestamp())


def _next_once(last: Interval | None, start: float | None, end: float | None, now: float) -> RunInfo | None:
    at = now if start is None else start
    return None if last or (end is not None and at > end) else _moment(at)


def _next_continuous(
    last: Interval | None, start: float | None, end: float | None, now: float
) -> RunInfo | None:
    if start is None:
        return None
    begin = last[1] if last else start
    finish = max(begin, now)
    if end is not None and finish > end:
        return None
    return RunInfo(begin, begin, finish, finish)


def _find_newest_start(steps: Steps, now: dt.datetime) -> dt.datetime:
    """Where the newest interval that is over begins."""
    if isinstance(steps, Delta):
        return steps.find_previous(_at(now.timestamp() - now.timestamp() % steps.length))
    return steps.find_previous(steps.align_down(now))


def _align_last(steps: Steps, last: Interval | None) -> dt.datetime | None:
    """Where the interval after the last begins; the timetable may have changed since.

    That interval ends after the last one, also where a zone's clock makes the rhythm stumble.
    """
    if not last:
        return None
    end = _at(last[1])
    begin = steps.align_down(end)
    while (after := steps.find_next(begin)) <= end:
        begin = after
    return begin


def _moment(at: float) -> RunInfo:
    return RunInfo(at, at, at, at)


def _at(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _when(seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else _at(seconds)


def _add_months(current: dt.datetime, months: int) -> dt.datetime:
    """`months` later; the last day of the month when it is shorter."""
    if not months:
        return current
    year, month = divmod(current.year * 12 + current.month - 1 + months, 12)
    return current.replace(
        year=year, month=month + 1, day=min(current.day, calendar.monthrange(year, month + 1)[1])
    )
