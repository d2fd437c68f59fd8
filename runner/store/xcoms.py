"""XCom: values that tasks leave for others. Values are plain JSON, as `airflow._wire.encoding.to_plain` makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import sqlalchemy as sa

from runner.store.listing_page import Orders, Window, between, fetch_page, matches, starts
from runner.store.put import put_rows
from runner.store.schema import dag_run, xcom

_ORDERS = Orders(
    {name: xcom.c[name] for name in ("dag_id", "run_id", "task_id", "map_index", "key")}
    | {
        "timestamp": xcom.c.created_at,
        "logical_date": dag_run.c.logical_date,
        "run_after": dag_run.c.run_after,
    },
    xcom.c.created_at,
)
_DEFAULT_ORDER = ("dag_id", "task_id", "run_id", "map_index", "key")


_STORED = (xcom.c.value, xcom.c.blob, xcom.c.length)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies, but for its key. None or '~' in a filter: any."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int | None = -1


class Stored(NamedTuple):
    """A value as it lies in the table: JSON text, or the name of the object that holds it."""

    value: str
    blob: str | None = None
    length: int | None = None
    """How many items it has, if something can be mapped over it."""


def find_xcom(conn: sa.Connection, place: Place, key: str) -> sa.Row[Any] | None:
    """The row (value as JSON text) with its run's logical_date, run_after and version_id."""
    conditions = [*_at(place), xcom.c.key == key]
    return conn.execute(_select().where(*conditions).order_by(xcom.c.map_index)).first()


def find_value(conn: sa.Connection, place: Place, key: str) -> Stored | None:
    """The value of a place; of the lowest map index where that is left open."""
    query = sa.select(*_STORED).where(*_at(place), xcom.c.key == key).order_by(xcom.c.map_index)
    found = conn.execute(query.limit(1)).first()
    return None if found is None else Stored(*found)


def find_item(conn: sa.Connection, place: Place, key: str, offset: int) -> tuple[int, Stored | None]:
    """Of the values that a task's instances left: how many, and the one at `offset`."""
    conditions = [*_at(place), xcom.c.key == key]
    length = conn.execute(sa.select(sa.func.count()).select_from(xcom).where(*conditions)).scalar_one()
    if not 0 <= offset < length:
        return length, None
    one = sa.select(*_STORED).where(*conditions).order_by(xcom.c.map_index).offset(offset).limit(1)
    found = conn.execute(one).first()
    return length, None if found is None else Stored(*found)


@dataclass(frozen=True, slots=True)
class XComFilter:
    """Which entries of a place. `patterns`, `prefixes`: by column; `bounds`: 'logical_date', 'run_after'."""

    key: str | None = None
    dag_ids: list[str] | None = None
    patterns: Mapping[str, str | None] = field(default_factory=dict)
    prefixes: Mapping[str, str | None] = field(default_factory=dict)
    bounds: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


def list_xcoms(
    conn: sa.Connection, place: Place, window: Window, wanted: XComFilter
) -> tuple[list[sa.Row[Any]], int]:
    """A page of rows, by their places and keys unless asked otherwise, and how many there are."""
    conditions = _at(place)
    if wanted.key is not None:
        conditions.append(xcom.c.key == wanted.key)
    if wanted.dag_ids is not None:
        conditions.append(xcom.c.dag_id.in_(wanted.dag_ids))
    for name, pattern in wanted.patterns.items():
        conditions += matches(xcom.c[name], pattern)
    for name, prefix in wanted.prefixes.items():
        conditions += starts(xcom.c[name], prefix)
    for name, limits in wanted.bounds.items():
        conditions += between(dag_run.c[name], limits)
    chosen = window if window.order_by else replace(window, order_by=_DEFAULT_ORDER)
    page = fetch_page(conn, _select().where(*conditions), chosen, _ORDERS)
    return list(page.rows), page.total


def list_values(
    conn: sa.Connection,
    dag_id: str,
    run_ids: list[str],
    key: str | None,
    task_ids: list[str] | None = None,
    map_indexes: list[int] | None = None,
) -> list[sa.Row[Any]]:
    """Values in some runs: rows (run_id, task_id, map_index, key, value, blob), of one key or of all.

    By task and map index, those of one instance in the order in which they were left; without task ids all in that.
    """
    conditions = [xcom.c.dag_id == dag_id, xcom.c.run_id.in_(run_ids)]
    if key is not None:
        conditions.append(xcom.c.key == key)
    if task_ids is not None:
        conditions.append(xcom.c.task_id.in_(task_ids))
    if map_indexes is not None:
        conditions.append(xcom.c.map_index.in_(map_indexes))
    columns = (xcom.c.run_id, xcom.c.task_id, xcom.c.map_index, xcom.c.key, xcom.c.value, xcom.c.blob)
    order = [xcom.c.task_id, xcom.c.map_index, xcom.c.created_at]
    if task_ids is None:
        order.insert(0, order.pop())
    statement = sa.select(*columns).where(*conditions).order_by(*order)
    return list(conn.execute(statement))


def put_xcom(conn: sa.Connection, place: Place, key: str, stored: Stored, now: float) -> None:
    """Write a value under its key, new or not."""
    at = {"dag_id": place.dag_id, "run_id": place.run_id, "task_id": place.task_id}
    row = {**at, "map_index": place.map_index, "key": key, **stored._asdict(), "created_at": now}
    put_rows(conn, xcom, [row])


def list_blobs(conn: sa.Connection, place: Place, key: str | None = None) -> list[str]:
    """The objects that hold values of a place: of one key, or of all."""
    conditions = _at(place) if key is None else [*_at(place), xcom.c.key == key]
    return list(conn.execute(sa.select(xcom.c.blob).where(*conditions, xcom.c.blob.is_not(None))).scalars())


def delete_xcom(conn: sa.Connection, place: Place, key: str | None = None) -> int:
    """How many were deleted: all of the place's when no key is given."""
    conditions = _at(place) if key is None else [*_at(place), xcom.c.key == key]
    return conn.execute(sa.delete(xcom).where(*conditions)).rowcount


def _select() -> sa.Select[Any]:
    same_run = (dag_run.c.dag_id == xcom.c.dag_id) & (dag_run.c.run_id == xcom.c.run_id)
    columns = (*xcom.c, dag_run.c.logical_date, dag_run.c.run_after, dag_run.c.version_id)
    return sa.select(*columns).join_from(xcom, dag_run, same_run)


def _at(place: Place) -> list[sa.ColumnElement[bool]]:
    named = {"dag_id": place.dag_id, "run_id": place.run_id, "task_id": place.task_id}
    conditions: list[sa.ColumnElement[bool]] = [
        xcom.c[name] == text for name, text in named.items() if text != "~"
    ]
    if place.map_index is not None:
        conditions.append(xcom.c.map_index == place.map_index)
    return conditions
