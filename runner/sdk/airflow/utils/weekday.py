"""Days of the week as ISO numbers."""

from __future__ import annotations

from collections.abc import Iterable
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

    @classmethod
    def get_weekday_number(cls, week_day_str: str) -> WeekDay:
        """The day of that English name. Raises AttributeError."""
        try:
            return cls[week_day_str.upper()]
        except KeyError:
            raise AttributeError(f"cannot find the day of the week {week_day_str!r}") from None

    @classmethod
    def convert(cls, day: str | WeekDay) -> int:
        return day if isinstance(day, WeekDay) else cls.get_weekday_number(day)

    @classmethod
    def validate_week_day(cls, week_day: str | WeekDay | Iterable[str] | Iterable[WeekDay]) -> set[int]:
        """One day or several as ISO numbers. Raises AttributeError for a name, TypeError for a type that is none."""
        if isinstance(week_day, (str, WeekDay)):
            return {cls.convert(week_day)}
        if not isinstance(week_day, Iterable):
            raise TypeError(
                f"cannot use {week_day!r} as a day of the week: it is a {type(week_day).__name__}"
            )
        return {cls.convert(day) for day in week_day}
