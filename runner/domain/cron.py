"""The ticks of a cron expression in a time zone, as instants.

Cron speaks of wall clocks. An expression that names hours keeps to the clock: a tick that the spring change skips
moves on by the gap, one that the autumn change repeats happens once, the second time. An expression that runs
every hour keeps to elapsed time. Whatever a zone does, `find_next` is later than where it began.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from airflow._wire.zones import read_zone
from croniter import croniter

_MOST_TICKS_REPEATED = 1000  # a change of the clock by three hours repeats 180 ticks of '* * * * *'


class BadSchedule(ValueError):
    """The expression or the zone cannot be read; the message is for the DAG's author."""


@dataclass(frozen=True, slots=True)
class Cron:
    """One expression in one zone."""

    expression: str
    zone: dt.tzinfo
    hourly: bool
    """It runs every hour of the day, so that elapsed time and not the clock's face decides."""
    ticks: croniter = field(compare=False, repr=False)
    """The expression read once, which costs more than a step; every step sets it to where it begins."""

    def find_next(self, current: dt.datetime) -> dt.datetime:
        """The first tick after `current`."""
        return self._step(current, forward=True)

    def find_previous(self, current: dt.datetime) -> dt.datetime:
        """The tick that the clock shows as the last before `current`.

        In the hour after a skipped tick that is the tick moved on, which may lie ahead: Airflow says so too.
        """
        return self._step(current, forward=False)

    def align_up(self, current: dt.datetime) -> dt.datetime:
        """`current` when it is a tick, else the next one."""
        after = self.find_next(current)
        return current if self.find_previous(after) == current else after

    def align_down(self, current: dt.datetime) -> dt.datetime:
        """`current` when it is a tick, else the one before."""
        before = self.find_previous(current)
        return current if self.find_next(before) == current else before

    def find_newest_start(self, now: dt.datetime, _anchor: dt.datetime | None) -> dt.datetime:
        """Where the newest interval that is over begins."""
        return self.find_previous(self.align_down(now))

    def _step(self, current: dt.datetime, forward: bool) -> dt.datetime:
        local = current.astimezone(self.zone).replace(tzinfo=None, fold=0)
        self.ticks.set_current(local)
        for _ in range(_MOST_TICKS_REPEATED):
            face = self.ticks.get_next(dt.datetime) if forward else self.ticks.get_prev(dt.datetime)
            found = current + (face - local) if self.hourly else _read_clock(face, self.zone)
            if found > current or not forward:
                return found
        raise BadSchedule(f"cannot step from {current.isoformat()} by {self.expression!r} in {self.zone}")


def read_cron(expression: str, zone: str) -> Cron:
    """The cron expression, checked. Raises BadSchedule."""
    try:
        ticks = croniter(expression, start_time=0.0)
        ticks.get_next()  # some expressions are well formed and never come: 30 February
        return Cron(expression, read_zone(zone), ticks.expanded[1] == ["*"], ticks)
    except (ValueError, KeyError, OSError) as error:
        raise BadSchedule(f"cannot read the schedule {expression!r} in zone {zone!r}: {error}") from None


def _read_clock(face: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """The instant at which a clock in the zone shows `face`: the second one of two; later by the gap when none does."""
    first = face.replace(tzinfo=zone, fold=0)
    second = face.replace(tzinfo=zone, fold=1)
    before, after = first.utcoffset(), second.utcoffset()
    if before is None or after is None:
        raise BadSchedule(f"cannot read a clock in {zone}")
    return (face - (before if after > before else after)).replace(tzinfo=dt.UTC)
