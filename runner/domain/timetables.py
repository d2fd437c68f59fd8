"""When a DAG's runs happen: pure functions of the timetable, the last run, the DAG's limits and the time.

With interval semantics a run covers [start, end) and starts at its end; with trigger semantics it starts at its tick
and its interval, mostly empty, ends there. Times are epoch seconds outside and UTC datetimes inside.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.domain.cron import BadSchedule
from runner.domain.rhythms import Delta, Steps, read_length, read_steps

__all__ = [
    "BadSchedule",
    "Interval",
    "Limits",
    "RunInfo",
    "get_time_part",
    "infer_manual_interval",
    "is_asked",
    "next_run",
]

Interval = tuple[float, float]
_SHORTEST_BUFFER = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run that the timetable asks for."""

    logical_date: float
    interval_start: float
    interval_end: float
    run_after: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the next run: the interval of the last one, the DAG's dates, and the time."""

    last: Interval | None
    start: dt.datetime | None
    end: dt.datetime | None
    catchup: bool
    now: dt.datetime


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
    None, too, for a timetable that only the environment's interpreter can ask (`is_asked`).
    """
    table = get_time_part(timetable)
    kind = table.get("kind", "null")
    limits = Limits(last, _when(start), _when(end), catchup, _at(now))
    if kind == "once":
        return _next_once(limits)
    if kind == "continuous":
        return _next_continuous(limits)
    if kind == "events":
        return _next_event(_read_dates(table), limits)
    if kind == "multiple_cron":
        return _next_of_many(table, limits)
    if kind in ("cron", "delta"):
        steps = read_steps(table)
        return _next_interval(steps, limits) if table.get("interval") else _next_trigger(steps, table, limits)
    return None


def get_time_part(timetable: Mapping[str, Any]) -> Mapping[str, Any]:
    """The timetable that the clock drives: of an asset_or_time one its `time`, else the timetable itself."""
    if timetable.get("kind") == "asset_or_time":
        time: Mapping[str, Any] = timetable.get("time") or {"kind": "null"}
        return time
    return timetable


def is_asked(timetable: Mapping[str, Any]) -> bool:
    """Whether only the environment's interpreter knows when its next run is."""
    return get_time_part(timetable).get("kind") == "custom"


def infer_manual_interval(timetable: Mapping[str, Any], run_after: float) -> Interval:
    """The interval of a run that a user starts by hand: the last whole one before, or the moment itself."""
    table = get_time_part(timetable)
    kind = table.get("kind")
    if kind == "events" and table.get("restrict_to_events"):
        return _infer_event(_read_dates(table), run_after)
    if kind in ("cron", "delta") and table.get("interval"):
        steps = read_steps(table)
        end = steps.align_down(_at(run_after))
        return (steps.find_previous(end).timestamp(), end.timestamp())
    if kind in ("cron", "delta", "multiple_cron") and table.get("length"):
        return (_reach_back(table, _at(run_after)), run_after)
    return (run_after, run_after)


def _next_interval(steps: Steps, limits: Limits) -> RunInfo | None:
    earliest = steps.align_up(limits.start) if limits.start else None
    if not limits.catchup:
        newest = steps.find_newest_start(limits.now, limits.start)
        earliest = max(earliest, newest) if earliest else newest
    begin = max((x for x in (_follow(steps, limits.last), earliest) if x), default=None)
    if begin is None or (limits.end and begin > limits.end):
        return None
    finish = steps.find_next(begin)
    return RunInfo(begin.timestamp(), begin.timestamp(), finish.timestamp(), finish.timestamp())


def _follow(steps: Steps, last: Interval | None) -> dt.datetime | None:
    """Where the interval after the last begins.

    The timetable may have changed since: the interval then begins at the tick before. When the last was one of this
    timetable's own, the two do not overlap, also where a zone's clock makes the rhythm stumble.
    """
    if not last:
        return None
    start, end = _at(last[0]), _at(last[1])
    begin = steps.align_down(end)
    if begin < end and steps.find_next(start) == end:
        return end
    while (after := steps.find_next(begin)) <= end:
        begin = after
    return begin


def _next_trigger(steps: Steps, table: Mapping[str, Any], limits: Limits) -> RunInfo | None:
    candidates = []
    if limits.last:
        candidates.append(steps.find_next(_at(limits.last[1])))
    elif limits.start is None:
        candidates.append(_find_first(steps, table.get("run_immediately"), limits.now))
    if limits.start and not (limits.catchup and limits.last):
        candidates.append(steps.align_up(limits.start))
    if not limits.catchup:
        candidates.append(steps.align_down(limits.now))
    tick = max(candidates)
    if limits.end and tick > limits.end:
        return None
    begin = _reach_back(table, tick)
    return RunInfo(begin, begin, tick.timestamp(), tick.timestamp())


def _reach_back(table: Mapping[str, Any], end: dt.datetime) -> float:
    """Where an interval of the timetable's own length begins."""
    begin: dt.datetime = end - read_length(table.get("length"))
    return begin.timestamp()


def _find_first(steps: Steps, immediately: bool | float | None, now: dt.datetime) -> dt.datetime:
    """The first tick of a DAG without a start date: the last one, if it is near enough, or the next."""
    if isinstance(steps, Delta):
        return now
    before, after = steps.align_down(now), steps.align_up(now)
    if immediately is True:
        return before
    if immediately is None or immediately is False:
        buffer = max((after - before) / 10, _SHORTEST_BUFFER)
    else:
        buffer = dt.timedelta(seconds=immediately)
    return before if now - before <= buffer else after


def _next_of_many(table: Mapping[str, Any], limits: Limits) -> RunInfo | None:
    """The next of several crons: when catching up the earliest, else the newest that is due or the first to come."""
    found = [
        info
        for expression in table["expressions"]
        if (
            info := _next_trigger(
                read_steps({**table, "kind": "cron", "expression": expression}), table, limits
            )
        )
    ]
    now = limits.now.timestamp()

    def rank(info: RunInfo) -> float:
        return -info.logical_date if not limits.catchup and info.logical_date <= now else info.logical_date

    return min(found, key=rank, default=None)


def _next_event(dates: list[float], limits: Limits) -> RunInfo | None:
    earliest = limits.start.timestamp() if limits.start else float("-inf")
    if not limits.catchup:
        earliest = max(earliest, limits.now.timestamp())
    after = limits.last[1] if limits.last else float("-inf")
    found = next((date for date in dates if date >= earliest and date > after), None)
    if found is None or (limits.end and found > limits.end.timestamp()):
        return None
    return _moment(found)


def _infer_event(dates: list[float], run_after: float) -> Interval:
    """The newest event that has happened; the first when none has."""
    if not dates:
        return (run_after, run_after)
    event = max((date for date in dates if date <= run_after), default=dates[0])
    return (event, event)


def _read_dates(table: Mapping[str, Any]) -> list[float]:
    dates = (dt.datetime.fromisoformat(text) for text in table.get("dates") or ())
    return sorted((date if date.tzinfo else date.replace(tzinfo=dt.UTC)).timestamp() for date in dates)


def _next_once(limits: Limits) -> RunInfo | None:
    at = limits.start or limits.now
    return None if limits.last or (limits.end and at > limits.end) else _moment(at.timestamp())


def _next_continuous(limits: Limits) -> RunInfo | None:
    now, start = limits.now.timestamp(), (limits.start or limits.now).timestamp()
    if limits.last is None:
        begin, finish = start, max(start, now)
    elif limits.last[1] > now:
        begin, finish = start, start + limits.last[1] - limits.last[0]
    else:
        begin, finish = limits.last[1], now
    if limits.end and finish > limits.end.timestamp():
        return None
    return RunInfo(begin, begin, finish, finish)


def _moment(at: float) -> RunInfo:
    return RunInfo(at, at, at, at)


def _at(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _when(seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else _at(seconds)
