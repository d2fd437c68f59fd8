"""Reading a request's parameters: every problem is collected, and all are told at once in Airflow's 422 shape."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from starlette.datastructures import QueryParams

from runner.api.errors import ApiError, problem
from runner.store.listing_page import Window

DEFAULT_LIMIT, MAX_LIMIT = 50, 100
BOUNDS = ("gte", "gt", "lte", "lt")
_MOST = 2**31 - 1
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
_TRUE, _FALSE = (
    frozenset({"1", "true", "on", "t", "y", "yes"}),
    frozenset({"0", "false", "off", "f", "n", "no"}),
)


class Query:
    """Typed access to query parameters. Call `check` once all have been read."""

    def __init__(self, params: QueryParams) -> None:
        self._params = params
        self._problems: list[dict[str, Any]] = []

    def check(self) -> None:
        """Raises ApiError (unprocessable) when a parameter read so far was not what it must be."""
        if self._problems:
            raise ApiError("unprocessable", self._problems)

    def __contains__(self, name: str) -> bool:
        return name in self._params

    def text(self, name: str) -> str | None:
        return self._params.get(name)

    def required(self, name: str) -> str:
        """A text that must be given."""
        value = self._params.get(name)
        if value is None:
            self._refuse("missing", name, "Field required", None)
        return value or ""

    def texts(self, name: str) -> list[str]:
        return self._params.getlist(name)

    def choices(self, name: str, among: frozenset[str]) -> list[str]:
        """Every value given; each must be one of `among`."""
        values = self.texts(name)
        for value in values:
            if value not in among:
                expected = ", ".join(sorted(among))
                self._refuse("enum", name, f"Input should be one of: {expected}", value, expected=expected)
        return values

    def states(self, name: str, among: frozenset[str]) -> list[str]:
        """As `choices`, for the filters whose refusal is one sentence. Raises ApiError (unprocessable)."""
        values = self.texts(name)
        if set(values) - among:
            message = (
                f"Invalid value for {name.replace('_', ' ')}. Valid values are {', '.join(sorted(among))}"
            )
            raise ApiError("unprocessable", message)
        return values

    def one(self, name: str, among: tuple[str, ...]) -> str | None:
        """A word of a few."""
        value = self._params.get(name)
        if value is not None and value not in among:
            expected = " or ".join(repr(word) for word in among)
            self._refuse("literal_error", name, f"Input should be {expected}", value, expected=expected)
        return value

    def flag(self, name: str, default: bool | None = None) -> bool | None:
        value = self._params.get(name)
        if value is None:
            return default
        if value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
        self._refuse(
            "bool_parsing", name, "Input should be a valid boolean, unable to interpret input", value
        )
        return default

    def number(self, name: str, default: int | None = None, least: int = 0) -> int | None:
        """A whole number, from `least` up to what the database can hold."""
        value = self._params.get(name)
        return default if value is None else self._number(name, value, least)

    def numbers(self, name: str, least: int = -_MOST) -> list[int]:
        """Every whole number given."""
        values = enumerate(self.texts(name))
        found = [self._number(name, value, least, position) for position, value in values]
        return [number for number in found if number is not None]

    def _number(self, name: str, value: str, least: int, *at: int) -> int | None:
        try:
            number = int(value) if len(value) < 32 else _MOST + 1
        except ValueError:
            message = "Input should be a valid integer, unable to parse string as an integer"
            self._problems.append(problem("int_parsing", ("query", name, *at), message, value))
            return None
        if number < least:
            message = f"Input should be greater than or equal to {least}"
            self._refuse("greater_than_equal", name, message, value, ge=least)
        return min(number, _MOST)  # nothing there is has more

    def real(self, name: str) -> float | None:
        value = self._params.get(name)
        if value is None:
            return None
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
        self._refuse(
            "float_parsing", name, "Input should be a valid number, unable to parse string as a number", value
        )
        return None

    def moment(self, name: str) -> float | None:
        """A date with time (ISO 8601; without an offset it is UTC), as epoch seconds."""
        value = self._params.get(name)
        if value is None:
            return None
        try:
            if value.strip().isdecimal():
                return float(value)
            return epoch(dt.datetime.fromisoformat(value.strip().replace(" ", "+")))
        except (ValueError, OverflowError):
            self._refuse("datetime_from_date_parsing", name, "Input should be a valid datetime", value)
            return None

    def bounds(self, name: str) -> dict[str, float | None]:
        """Moments that limit something: `name`_gte and so on."""
        return {bound: self.moment(f"{name}_{bound}") for bound in BOUNDS}

    def day(self, name: str) -> dt.date | None:
        """A date without a time (ISO 8601)."""
        value = self._params.get(name)
        try:
            return None if value is None else dt.date.fromisoformat(value.strip())
        except ValueError:
            self._refuse("date_from_datetime_parsing", name, "Input should be a valid date", value)
            return None

    def window(self) -> Window:
        """The page asked for: `limit` is cut at 100, as Airflow's maximum_page_limit does."""
        limit = self.number("limit", DEFAULT_LIMIT)
        offset = self.number("offset", 0)
        return Window(min(limit or 0, MAX_LIMIT), offset or 0, tuple(self.texts("order_by")))

    def _refuse(self, kind: str, name: str, message: str, value: object, **ctx: object) -> None:
        self._problems.append(problem(kind, ("query", name), message, value, **ctx))


def epoch(moment: dt.datetime) -> float:
    """Epoch seconds, to the microsecond; a moment without an offset is UTC. Raises OverflowError."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    seconds = round(aware.timestamp(), 6)
    if not _FIRST <= seconds <= _LAST:
        raise OverflowError(f"cannot use {moment.isoformat()}: it is not in the years 1 to 9999 of UTC")
    return seconds
