"""What a timetable of the user's own answered, as values that can be relied on. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from runner.domain.timetables import Interval, RunInfo

_LATEST = 253_402_300_799.0


def read_next(answer: Mapping[str, Any], last: Interval | None) -> RunInfo | None:
    """The run that a timetable asks for, or None. Raises ValueError for one that leads nowhere."""
    if not answer:
        return None
    after = _read_time(answer, "run_after")
    start, end = answer.get("start"), answer.get("end")
    begin, finish = (after, after) if start is None or end is None else map(_time, (start, end))
    if last is not None and begin <= last[0]:
        raise ValueError(
            f"the timetable's next run begins at {begin:.0f}, which is not after the last one's {last[0]:.0f}"
        )
    return RunInfo(begin, begin, finish, after)


def read_range(answer: Mapping[str, Any]) -> list[RunInfo]:
    """The runs of a time, in order. Raises ValueError for one that leads nowhere."""
    found: list[RunInfo] = []
    last = None
    for item in answer.get("runs") or ():
        info = read_next(item, last)
        if info is None:
            break
        found.append(info)
        last = (info.interval_start, info.interval_end)
    return found


def read_manual(answer: Mapping[str, Any], run_after: float) -> Interval:
    """The interval of a run by hand. Raises ValueError."""
    if answer.get("start") is None or answer.get("end") is None:
        return (run_after, run_after)
    return (_read_time(answer, "start"), _read_time(answer, "end"))


def _read_time(answer: Mapping[str, Any], name: str) -> float:
    return _time(answer.get(name))


def _time(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"the timetable answered {value!r}, which is no time")
    if abs(value) > _LATEST:
        raise ValueError(f"the timetable answered {value!r}, a time outside of the years 1 to 9999")
    return round(float(value), 6)
