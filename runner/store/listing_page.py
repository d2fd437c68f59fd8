"""One page of a list: the same limit, offset, order and patterns for every list the API serves."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select

MAX_ORDERS = 10


class UnknownOrder(ValueError):
    """The list cannot be ordered so."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows of a list: `order_by` names, with a leading '-' for descending."""

    limit: int = 50
    offset: int = 0
    order_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and how many there are in all."""

    rows: Sequence[Row[Any]]
    total: int


@dataclass(frozen=True, slots=True)
class Orders:
    """By what a list may be ordered. `key` makes every order total, and is the order when none is given."""

    columns: Mapping[str, ColumnElement[Any]]
    key: ColumnElement[Any]
    newest_first: bool = False
    first: ColumnElement[Any] | None = None
    """What counts before the key when no order is given."""


def fetch_page(connection: Connection, statement: Select[Any], window: Window, orders: Orders) -> Page:
    """The rows of `statement` in the window. Raises UnknownOrder."""
    order = order_columns(window.order_by, orders)
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    total = connection.execute(counted).scalar_one()
    if window.limit == 0 or window.offset >= total:
        return Page([], total)
    page = statement.order_by(*order).limit(window.limit).offset(window.offset)
    return Page(connection.execute(page).all(), total)


def order_columns(names: tuple[str, ...], orders: Orders) -> list[ColumnElement[Any]]:
    """The columns to order by, the key last. Raises UnknownOrder."""
    if len(names) > MAX_ORDERS:
        raise UnknownOrder(f"cannot order by more than {MAX_ORDERS} columns; {len(names)} were given")
    chosen = [_order_column(name, orders) for name in names]
    if not names and orders.first is not None:
        chosen.append(orders.first)
    last_falls = names[-1].startswith("-") if names else orders.newest_first
    return [*chosen, orders.key.desc() if last_falls else orders.key.asc()]


def _order_column(name: str, orders: Orders) -> ColumnElement[Any]:
    bare = name.removeprefix("-")
    column = orders.columns.get(bare)
    if column is None:
        known = ", ".join(sorted(orders.columns))
        raise UnknownOrder(f"cannot order by {bare!r}; this list can be ordered by: {known}")
    return column.desc() if name.startswith("-") else column.asc()


def matches(
    column: ColumnElement[Any], pattern: str | None, is_one: bool = False
) -> list[ColumnElement[bool]]:
    """Airflow's *_pattern filter: part of the text in any case, % and _ as in SQL, alternatives with '|'.

    `is_one`: '|' is a letter like any other.
    """
    if not pattern or pattern == "~":
        return []
    return [or_(*(column.ilike(f"%{part}%") for part in _split(pattern, is_one)))]


def starts(column: ColumnElement[Any], prefix: str | None, is_one: bool = False) -> list[ColumnElement[bool]]:
    """Airflow's *_prefix_pattern filter: in the case given, % and _ mean themselves, alternatives with '|'.

    What follows the last letter or digit of a prefix does not count, as it does not in Airflow.
    """
    if not prefix or prefix == "~":
        return []
    parts = [_strip(part) for part in _split(prefix, is_one)]
    if "" in parts:
        return []
    return [or_(*(func.substr(column, 1, len(part)) == part for part in parts))]


def is_match(text: str, pattern: str | None) -> bool:
    """`matches` for a text that is not in the database."""
    if not pattern or pattern == "~":
        return True
    wild = {"%": ".*", "_": "."}
    parts = (
        "".join(wild.get(letter, re.escape(letter)) for letter in part) for part in _split(pattern, False)
    )
    return any(re.search(part, text, re.IGNORECASE | re.DOTALL) for part in parts)


def is_start(text: str, prefix: str | None) -> bool:
    """`starts` for a text that is not in the database."""
    if not prefix or prefix == "~":
        return True
    return any(text.startswith(_strip(part)) for part in _split(prefix, False))


def _strip(prefix: str) -> str:
    while prefix and not prefix[-1].isalnum():
        prefix = prefix[:-1]
    return prefix


def _split(text: str, is_one: bool) -> list[str]:
    return [text] if is_one else [part.strip() for part in text.split("|")[:20]]


def between(column: ColumnElement[Any], bounds: Mapping[str, float | None]) -> list[ColumnElement[bool]]:
    """Conditions for the bounds that are given: keys gte, gt, lte, lt."""
    tests = {"gte": column.__ge__, "gt": column.__gt__, "lte": column.__le__, "lt": column.__lt__}
    return [tests[name](value) for name, value in bounds.items() if value is not None]


def is_between(value: float, bounds: Mapping[str, float | None]) -> bool:
    """`between` for a number that is not in a statement."""
    tests = {"gte": operator.ge, "gt": operator.gt, "lte": operator.le, "lt": operator.lt}
    return all(tests[name](value, limit) for name, limit in bounds.items() if limit is not None)


def order_rows(bodies: list[dict[str, Any]], window: Window, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The window of a list that is in memory already. Raises UnknownOrder."""
    ordered = list(bodies)
    for name in reversed(window.order_by[:MAX_ORDERS]):
        bare = name.removeprefix("-")
        if bare not in names:
            raise UnknownOrder(
                f"cannot order by {bare!r}; this list can be ordered by: {', '.join(sorted(names))}"
            )
        ordered.sort(key=_order_key(bare), reverse=name.startswith("-"))
    return ordered[window.offset : window.offset + window.limit]


def _order_key(name: str) -> Callable[[dict[str, Any]], tuple[bool, Any]]:
    return lambda body: (body[name] is not None, body[name])
