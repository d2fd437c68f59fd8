"""A cron expression in a zone as users' own timetables step through it. The engine's reading is its own.

croniter is imported when a step is asked for: DAG files that only name an expression do not pay for it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.timetables.cron import expand
from airflow.utils.timezone import default_zone, parse_timezone, zone_name


class CronMixin:
    """Steps from tick to tick as Airflow does: by the clock's face, or, for hourly ticks, by elapsed time."""

    def __init__(self, cron: str, timezone: str | dt.tzinfo | None = None) -> None:
        self._written, self._expression = cron, expand(cron)
        self._given_zone = parse_timezone(timezone) if isinstance(timezone, str) else timezone

    @property
    def expression(self) -> str:
        return self._expression

    @property
    def timezone(self) -> dt.tzinfo:
        return self._given_zone or default_zone()

    _timezone = timezone

    @property
    def summary(self) -> str:
        return self._expression

    def _cron_wire(self, zone: str) -> dict[str, Any]:
        return {
            "kind": "cron",
            "expression": self._expression,
            "timezone": zone if self._given_zone is None else zone_name(self._given_zone),
        }

    def serialize(self) -> dict[str, Any]:
        return {"expression": self._expression, "timezone": zone_name(self.timezone)}

    def _get_next(self, current: Any) -> Any:
        """The first tick after `current`."""
        return self._step(current, "get_next")

    def _get_prev(self, current: Any) -> Any:
        """The last tick before `current`."""
        return self._step(current, "get_prev")

    def _align_to_next(self, current: Any) -> Any:
        """`current` when it is a tick, else the next one."""
        after = self._get_next(current)
        return current if self._get_prev(after) == current else after

    def _align_to_prev(self, current: Any) -> Any:
        """`current` when it is a tick, else the one before."""
        before = self._get_prev(current)
        return current if self._get_next(before) == current else before

    def _step(self, current: Any, way: str) -> Any:
        from croniter import croniter

        from airflow.models.dagrun import as_pendulum

        began = dt.datetime.fromtimestamp(current.timestamp(), dt.UTC)
        face = began.astimezone(self.timezone).replace(tzinfo=None, fold=0)
        cron = croniter(self._expression, start_time=face)
        found = getattr(cron, way)(dt.datetime)
        hourly = cron.expanded[1] == ["*"]
        return as_pendulum(began + (found - face) if hourly else _read_clock(found, self.timezone))


def _read_clock(face: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """The instant at which a clock in the zone shows `face`: the second one of two; later by the gap when none does."""
    before, after = (face.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    assert before is not None and after is not None  # noqa: S101 - true of any aware datetime
    return (face - (before if after > before else after)).replace(tzinfo=dt.UTC)
