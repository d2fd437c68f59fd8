"""A child's question: who asks, what, and how its parameters are read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from airflow._wire import encoding

from runner.api.context import CellContext
from runner.api.query import epoch


class AttemptInfo(Protocol):
    """The live task instance that asks: `runner.scheduler.questions.AttemptInfo` is one."""

    @property
    def attempt(self) -> str: ...
    @property
    def dag_id(self) -> str: ...
    @property
    def run_id(self) -> str: ...
    @property
    def task_id(self) -> str: ...
    @property
    def map_index(self) -> int: ...
    @property
    def try_number(self) -> int: ...


class Refused(Exception):
    """The question cannot be answered. `code`: not_found, exists, stale or invalid."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Question:
    """One question on its way to the function that answers it."""

    cell: CellContext
    attempt: AttemptInfo
    params: Mapping[str, Any]

    def text(self, name: str, default: str | None = None) -> str:
        """A text that must be there, unless there is a default. Raises Refused."""
        value = self.params.get(name)
        value = default if value is None else value
        if not isinstance(value, str) or "\x00" in value:
            raise Refused("invalid", f"cannot answer: {name!r} must be text")
        return value

    def text_or_none(self, name: str) -> str | None:
        return None if self.params.get(name) is None else self.text(name)

    def integer_or_none(self, name: str) -> int | None:
        """A whole number or nothing. Raises Refused."""
        value = self.params.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise Refused("invalid", f"cannot answer: {name!r} must be a whole number")
        return value

    def date_or_none(self, name: str) -> float | None:
        """A date as epoch seconds, from ISO text or the plain form of `encoding`. Raises Refused."""
        return _read_date(self.params.get(name), name)

    def dates_or_none(self, name: str) -> list[float] | None:
        """A list of dates or nothing. Raises Refused."""
        value = self.params.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise Refused("invalid", f"cannot answer: {name!r} must be a list of dates")
        return [date for item in value if (date := _read_date(item, name)) is not None]

    def list_or_none(self, name: str, of: type) -> list[Any] | None:
        """A list of one type or nothing. Raises Refused."""
        value = self.params.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, of) for item in value):
            raise Refused("invalid", f"cannot answer: {name!r} must be a list of {of.__name__}")
        return value


def _read_date(value: Any, name: str) -> float | None:
    value = encoding.from_plain(value)
    try:
        if value is None:
            return None
        return epoch(dt.datetime.fromisoformat(value) if isinstance(value, str) else value)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise Refused("invalid", f"cannot answer: {name!r} must be a date") from None
