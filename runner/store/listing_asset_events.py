"""Reading the events of assets, with the assets they are of and the runs they made."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from runner.store.listing_page import Orders, Page, Window, between, fetch_page, matches, starts
from runner.store.schema import (
    asset,
    asset_alias,
    asset_alias_asset,
    asset_event,
    dag_run,
    dag_run_asset_event,
)

_ORDERS = Orders(
    {
        name: asset_event.c[name]
        for name in ("source_task_id", "source_dag_id", "source_run_id", "source_map_index", "timestamp")
    },
    asset_event.c.id,
)
_MOST_FOR_TASKS = 10_000


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events. Fields that are None or empty do not filter."""

    asset_id: int | None = None
    equal: Mapping[str, Any] = field(default_factory=dict)
    """Column -> value: where it came from."""
    name_pattern: str | None = None
    name_prefix: str | None = None
    bounds: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Past:
    """The events that a task asks for: of an asset by name or URI, or those that came through an alias."""

    name: str | None = None
    uri: str | None = None
    alias: str | None = None
    after: float | None = None
    before: float | None = None
    ascending: bool = True
    limit: int | None = None


def list_events(conn: sa.Connection, wanted: EventFilter, window: Window) -> Page:
    """A page of events."""
    conditions = [
        *matches(asset.c.name, wanted.name_pattern),
        *starts(asset.c.name, wanted.name_prefix),
        *between(asset_event.c.timestamp, wanted.bounds),
        *(asset_event.c[name] == value for name, value in wanted.equal.items() if value is not None),
    ]
    if wanted.asset_id is not None:
        conditions.append(asset_event.c.asset == wanted.asset_id)
    return fetch_page(conn, _select().where(*conditions), window, _ORDERS)


def find_event(conn: sa.Connection, number: int) -> Any:
    return conn.execute(_select().where(asset_event.c.id == number)).first()


def list_past(conn: sa.Connection, wanted: Past) -> Sequence[Any]:
    """Events as a task reads them, oldest first unless it wants it otherwise."""
    query = _select()
    if wanted.alias is not None:
        led = sa.select(asset_alias_asset.c.asset).join(
            asset_alias, asset_alias.c.id == asset_alias_asset.c.alias
        )
        query = query.where(asset_event.c.asset.in_(led.where(asset_alias.c.name == wanted.alias)))
    for column, value in ((asset.c.name, wanted.name), (asset.c.uri, wanted.uri)):
        query = query if value is None else query.where(column == value)
    bounds = {"gte": wanted.after, "lte": wanted.before}
    when, number = asset_event.c.timestamp, asset_event.c.id
    order = (when.asc(), number.asc()) if wanted.ascending else (when.desc(), number.desc())
    most = _MOST_FOR_TASKS if wanted.limit is None else min(wanted.limit, _MOST_FOR_TASKS)
    query = query.where(*between(when, bounds)).order_by(*order)
    if wanted.alias is None:
        return conn.execute(query.limit(most)).all()
    found = (row for row in conn.execute(query) if wanted.alias in json.loads(row.aliases))
    return list(itertools.islice(found, most))


def list_of_run(conn: sa.Connection, run: int) -> Sequence[Any]:
    """The events that a run was made for, oldest first."""
    query = _select().join(dag_run_asset_event, dag_run_asset_event.c.event == asset_event.c.id)
    query = query.where(dag_run_asset_event.c.run == run)
    return conn.execute(query.order_by(asset_event.c.timestamp, asset_event.c.id)).all()


def list_made_runs(conn: sa.Connection, events: Sequence[int]) -> Mapping[int, list[Any]]:
    """By event: the runs that took it, each with the newest event that it took (`newest`)."""
    link, of_run = dag_run_asset_event, dag_run_asset_event.alias("of_run")
    newest = sa.select(sa.func.max(of_run.c.event)).where(of_run.c.run == dag_run.c.id).scalar_subquery()
    query = (
        sa.select(*dag_run.c, link.c.event, newest.label("newest"))
        .join(dag_run, dag_run.c.id == link.c.run)
        .where(link.c.event.in_(list(events)))
        .order_by(dag_run.c.id)
    )
    found: dict[int, list[Any]] = {number: [] for number in events}
    for row in conn.execute(query):
        found[row.event].append(row)
    return found


def _select() -> sa.Select[Any]:
    columns = [asset.c[name] for name in ("name", "uri", "group")]
    described = [asset.c.extra.label("asset_extra")]
    return sa.select(*asset_event.c, *columns, *described).join(asset, asset.c.id == asset_event.c.asset)
