"""XCom: values that tasks leave for others. Values are plain JSON, as `airflow._wire.encoding.to_plain` makes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from runner.domain.mapping import measure_value
from runner.store.listing_page import Orders, Window, fetch_page, matches, starts
from runner.store.put import put_rows
from runner.store.schema import dag_run, task_instance, xcom

_ORDERS = Orders(
    {name: xcom.c[name] for name in ("dag_id", "run_id", "task_id", "map_index", "key")}
    | {
        "timestamp": xcom.c.created_at,
        "logical_date": dag_run.c.logical_date,
        "run_after": dag_run.c.run_after,
    },
    xcom.c.created_at,
    newest_first=True,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies, but for its key. None or '~' in a filter: any."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int | None = -1


def find_xcom(conn: sa.Connection, place: Place, key: str) -> sa.Row[Any] | None:
    """The row (value as JSON text) with its run's logical_date, run_after and version_id."""
    conditions = [*_at(place), xcom.c.key == key]
    return conn.execute(_select().where(*conditions).order_by(xcom.c.map_index)).first()


def find_value(conn: sa.Connection, place: Place, key: str) -> tuple[bool, Any]:
    """Whether there is a value, and the value as plain JSON."""
    found = conn.execute(sa.select(xcom.c.value).where(*_at(place), xcom.c.key == key)).first()
    return (False, None) if found is None else (True, json.loads(found.value))


def find_item(conn: sa.Connection, place: Place, key: str, offset: int) -> tuple[int, bool, Any]:
    """Of the values that a task's instances left: how many, whether there is one at `offset`, and it as plain JSON."""
    conditions = [*_at(place), xcom.c.key == key]
    length = conn.execute(sa.select(sa.func.count()).select_from(xcom).where(*conditions)).scalar_one()
    if not 0 <= offset < length:
        return length, False, None
    one = sa.select(xcom.c.value).where(*conditions).order_by(xcom.c.map_index).offset(offset).limit(1)
    found = conn.execute(one).first()
    return (length, False, None) if found is None else (length, True, json.loads(found.value))


def list_xcoms(
    conn: sa.Connection,
    place: Place,
    window: Window,
    key: str | None,
    pattern: str | None,
    prefix: str | None,
) -> tuple[list[sa.Row[Any]], int]:
    """A page of rows, newest first, and how many there are."""
    conditions = [*_at(place), *matches(xcom.c.key, pattern), *starts(xcom.c.key, prefix)]
    if key is not None:
        conditions.append(xcom.c.key == key)
    page = fetch_page(conn, _select().where(*conditions), window, _ORDERS)
    return list(page.rows), page.total


def list_values(
    conn: sa.Connection,
    dag_id: str,
    run_ids: list[str],
    key: str | None,
    task_ids: list[str] | None = None,
    map_indexes: list[int] | None = None,
) -> list[sa.Row[Any]]:
    """Values in some runs: rows (run_id, task_id, map_index, key, value), of one key or of all.

    By task and map index; without task ids in the order in which they were left.
    """
    conditions = [xcom.c.dag_id == dag_id, xcom.c.run_id.in_(run_ids)]
    if key is not None:
        conditions.append(xcom.c.key == key)
    if task_ids is not None:
        conditions.append(xcom.c.task_id.in_(task_ids))
    if map_indexes is not None:
        conditions.append(xcom.c.map_index.in_(map_indexes))
    columns = (xcom.c.run_id, xcom.c.task_id, xcom.c.map_index, xcom.c.key, xcom.c.value)
    order = [xcom.c.task_id, xcom.c.map_index]
    if task_ids is None:
        order.insert(0, xcom.c.created_at)
    statement = sa.select(*columns).where(*conditions).order_by(*order)
    return list(conn.execute(statement))


def has_task(conn: sa.Connection, place: Place) -> bool:
    """Whether the run has a task instance of the task, at any map index."""
    t = task_instance.c
    named = (t.dag_id == place.dag_id, t.run_id == place.run_id, t.task_id == place.task_id)
    return conn.execute(sa.select(t.id).where(*named).limit(1)).first() is not None


def put_xcoms(conn: sa.Connection, place: Place, values: dict[str, Any], now: float) -> None:
    """Write values (plain JSON) under their keys, new or not."""
    at = {
        "dag_id": place.dag_id,
        "run_id": place.run_id,
        "task_id": place.task_id,
        "map_index": place.map_index,
    }
    rows = [
        {
            **at,
            "key": key,
            "value": json.dumps(value, separators=(",", ":"), ensure_ascii=False),
            "created_at": now,
            "length": measure_value(value),
        }
        for key, value in values.items()
    ]
    put_rows(conn, xcom, rows)


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
