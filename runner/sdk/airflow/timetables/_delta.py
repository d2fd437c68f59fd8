"""Steps of one length, as users' own timetables take them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import length_to_wire, relative_to_wire

_BASE = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


class DeltaMixin:
    """Any moment is on the rhythm of a length; the next one is a length later."""

    def __init__(self, delta: Any) -> None:
        self._delta = self.delta = delta

    @property
    def summary(self) -> str:
        return str(self._delta)

    def validate(self) -> None:
        if _BASE + self._delta <= _BASE:
            raise AirflowTimetableInvalid(
                f"cannot use {self._delta} as a schedule: it must lead forward in time"
            )

    def _delta_wire(self, zone: str) -> dict[str, Any]:
        if isinstance(self._delta, dt.timedelta):
            return {"kind": "delta", "timezone": zone, "seconds": self._delta.total_seconds()}
        return {"kind": "delta", "timezone": zone, "relative": relative_to_wire(self._delta)}

    def serialize(self) -> dict[str, Any]:
        return {"delta": length_to_wire(self._delta)}

    def _get_next(self, current: Any) -> Any:
        return current + self._delta

    def _get_prev(self, current: Any) -> Any:
        return current - self._delta

    def _align_to_next(self, current: Any) -> Any:
        return current

    def _align_to_prev(self, current: Any) -> Any:
        return current


def read_length(value: Any) -> Any:
    """The inverse of `base.length_to_wire`."""
    if not isinstance(value, dict):
        return dt.timedelta(seconds=value)
    from dateutil.relativedelta import relativedelta, weekday

    parts = dict(value)
    day = parts.pop("weekday", None)
    return relativedelta(**parts, weekday=None if day is None else weekday(*day))
