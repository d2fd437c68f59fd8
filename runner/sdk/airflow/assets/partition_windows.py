"""What a period is made of, and how much of it a run waits for. The same holds here as in `partitions`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, ClassVar

from airflow._wire import partitions
from airflow.exceptions import AirflowTimetableInvalid


class Window:
    """What one period is made of, from its start (FORWARD) or up to it (BACKWARD)."""

    class Direction(StrEnum):
        BACKWARD = "backward"
        FORWARD = "forward"

    expected_decoded_type: ClassVar[type] = dt.datetime
    period: ClassVar[str] = ""

    def __init__(self, *, direction: Window.Direction = Direction.FORWARD) -> None:
        self.direction = self.Direction(direction)

    def to_wire(self) -> dict[str, Any]:
        """The serialised form. Raises AirflowTimetableInvalid for a class of the user's own."""
        if not self.period:
            raise AirflowTimetableInvalid(
                f"cannot schedule with the window {type(self).__name__}: only those of airflow.sdk are known here"
            )
        return {"kind": self.period, "direction": self.direction.value}

    def to_upstream(self, period_start: Any) -> Iterable[Any]:
        """The members of the period that starts here."""
        return partitions.list_members(self.to_wire(), period_start)


class HourWindow(Window):
    """Sixty minutes."""

    period = "hour"


class DayWindow(Window):
    """Twenty-four hours by the clock's face, whatever the zone's clock does on that day."""

    period = "day"


class WeekWindow(Window):
    """Seven days."""

    period = "week"


class MonthWindow(Window):
    """The days of a month."""

    period = "month"


class QuarterWindow(Window):
    """Three months."""

    period = "quarter"


class YearWindow(Window):
    """Twelve months."""

    period = "year"


class SegmentWindow(Window):
    """A fixed set of names."""

    expected_decoded_type: ClassVar[type] = str

    def __init__(self, segments: Iterable[str]) -> None:
        super().__init__()
        names = list(segments)
        for position, name in enumerate(names):
            if not isinstance(name, str) or not name:
                raise ValueError(
                    f"cannot make a SegmentWindow: segment {position} is {name!r}, not a text with something in it"
                )
        if not names:
            raise ValueError("cannot make a SegmentWindow: it needs at least one segment")
        self.segments = frozenset(names)

    def to_wire(self) -> dict[str, Any]:
        return {"kind": "segments", "segments": sorted(self.segments)}


class WaitPolicy:
    """When a run of a rollup begins."""

    def to_wire(self) -> dict[str, Any]:
        """The serialised form. Raises AirflowTimetableInvalid for a class of the user's own."""
        raise AirflowTimetableInvalid(
            f"cannot schedule with the wait policy {type(self).__name__}: only those of airflow.sdk are known here"
        )


class WaitForAll(WaitPolicy):
    """With every key that the window names."""

    def to_wire(self) -> dict[str, Any]:
        return {"kind": "all"}


class MinimumCount(WaitPolicy):
    """With `n` keys; when `n` is negative, with all but so many."""

    def __init__(self, n: int) -> None:
        if n == 0:
            raise ValueError(
                "cannot wait for MinimumCount(0): it would never wait; use WaitForAll() or another number"
            )
        self.n = n

    def to_wire(self) -> dict[str, Any]:
        return {"kind": "minimum", "n": self.n}
