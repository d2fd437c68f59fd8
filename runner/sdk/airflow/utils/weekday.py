"""Days of the week as ISO numbers."""

from __future__ import annotations

from enum import IntEnum


class WeekDay(IntEnum):
    """Monday is 1."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7
