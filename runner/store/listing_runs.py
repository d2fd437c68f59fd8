"""Reading runs, task instances and tries for people: lists with filters. Nothing here writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from runner.store.listing_page import Orders, Page, Window, between, fetch_page, matches, starts
from runner.store.schema import (
    asset,
    asset_event,
    dag_run,
    dag_run_asset_event,
    dag_version,
    rendered_fields,
    task_instance,
    task_try,
)

Bounds = Mapping[str, float | None]
"""Limits of a number: keys gte, gt, lte, lt."""

_VERSION = [
    dag_version.c.number.label("version_number"),
    dag_version.c.bundle.label("version_bundle"),
    dag_version.c.created_at.label("version_created_at"),
]
_RUN_DURATION = dag_run.c.end_date - dag_run.c.start_date
_RUN_ORDERS = Orders(
    {
        name: dag_run.c[name]
        for name in (
            "id",
            "dag_id",
            "run_id",
            "state",
            "run_type",
            "logical_date",
            "run_after",
            "conf",
            "note",
            "partition_date",
        )
    }
    | {name: dag_run.c[name] for name in ("start_date", "end_date", "queued_at", "triggering_user")}
    | {
        "dag_run_id": dag_run.c.run_id,
        "run_id": dag_run.c.run_id,
        "duration": _RUN_DURATION,
        "execution_date": dag_run.c.logical_date,
        "data_interval_start": dag_run.c.interval_start,
        "data_interval_end": dag_run.c.interval_end,
        "updated_at": sa.func.coalesce(dag_run.c.end_date, dag_run.c.start_date, dag_run.c.queued_at),
        "triggering_user_name": dag_run.c.triggering_user,
    },
    dag_run.c.id,
)
_TI_DURATION = task_instance.c.end_date - task_instance.c.start_date
_TI_NAMES = (
    "id",
    "dag_id",
    "run_id",
    "task_id",
    "map_index",
    "state",
    "try_number",
    "max_tries",
    "operator",
    "pool",
)
_TI_ORDERS = Orders(
    {
        name: task_instance.c[name]
        for name in (*_TI_NAMES, "queue", "priority_weight", "start_date", "end_date")
    }
    | {
        "duration": _TI_DURATION,
        "logical_date": dag_run.c.logical_date,
        "execution_date": dag_run.c.logical_date,
        "run_after": dag_run.c.run_after,
        "data_interval_start": dag_run.c.interval_start,
        "data_interval_end": dag_run.c.interval_end,
        "queued_when": task_instance.c.queued_at,
        "queued_dttm": task_instance.c.queued_at,
        "scheduled_when": task_instance.c.scheduled_at,
        "rendered_map_index": task_instance.c.map_index,
        "task_display_name": task_instance.c.task_id,
    },
    task_instance.c.id,
    first=task_instance.c.map_index,
)


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs. Fields that are None or empty do not filter. `bounds`: column -> limits; 'duration' too."""

    dag_ids: list[str] | None = None
    states: list[str | None] = field(default_factory=list)
    run_types: list[str] = field(default_factory=list)
    run_id_pattern: str | None = None
    run_id_prefix: str | None = None
    dag_id_pattern: str | None = None
    dag_id_prefix: str | None = None
    user_pattern: str | None = None
    user_prefix: str | None = None
    asset_pattern: str | None = None
    """Part of the name or the URI of an asset of which the run got an event."""
    conf_contains: str | None = None
    version_numbers: list[int] = field(default_factory=list)
    bundle: str | None = None
    partition_key: str | None = None
    partition_pattern: str | None = None
    partition_prefix: str | None = None
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    now: float | None = None
    """A start or an end that is not there yet counts as now."""


@dataclass(frozen=True, slots=True)
class TiFilter:
    """Which task instances. `equal`: column -> allowed values (None among states: no state yet)."""

    dag_ids: list[str] | None = None
    run_ids: list[str] | None = None
    equal: Mapping[str, list[Any]] = field(default_factory=dict)
    patterns: Mapping[str, str | None] = field(default_factory=dict)
    prefixes: Mapping[str, str | None] = field(default_factory=dict)
    mapped_only: bool = False
    version_numbers: list[int] = field(default_factory=list)
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    now: float | None = None
    """As in RunFilter."""
    nothing: bool = False
    """None at all: a filter by something that no task instance has."""


def list_runs(conn: sa.Connection, wanted: RunFilter, window: Window) -> Page:
    """A page of run rows, each with its version's facts."""
    return fetch_page(conn, _select_runs().where(*_run_conditions(wanted)), window, _RUN_ORDERS)


def list_every_run(conn: sa.Connection, wanted: RunFilter) -> list[sa.Row[Any]]:
    """All rows, unlike a page: for changes that must take in every one. In the order of their partitions."""
    statement = _select_runs().where(*_run_conditions(wanted))
    return list(conn.execute(statement.order_by(dag_run.c.partition_date, dag_run.c.run_id)))


def find_run(conn: sa.Connection, dag_id: str, run_id: str) -> sa.Row[Any] | None:
    """One run row with its version's facts."""
    named = (dag_run.c.dag_id == dag_id, dag_run.c.run_id == run_id)
    return conn.execute(_select_runs().where(*named)).first()


def find_run_at(conn: sa.Connection, dag_id: str, logical_date: float) -> sa.Row[Any] | None:
    """The run of that logical date."""
    named = (dag_run.c.dag_id == dag_id, dag_run.c.logical_date == logical_date)
    return conn.execute(_select_runs().where(*named)).first()


def find_previous_run(
    conn: sa.Connection, dag_id: str, before: float, state: str | None
) -> sa.Row[Any] | None:
    """The newest run with an earlier logical date, in that state if one is given."""
    r = dag_run.c
    conditions = [r.dag_id == dag_id, r.logical_date < before]
    if state is not None:
        conditions.append(r.state == state)
    return conn.execute(_select_runs().where(*conditions).order_by(r.logical_date.desc()).limit(1)).first()


def list_run_ids_until(conn: sa.Connection, dag_id: str, until: float) -> list[str]:
    """Ids of runs with a logical date no later than `until`, oldest first."""
    r = dag_run.c
    statement = sa.select(r.run_id).where(r.dag_id == dag_id, r.logical_date <= until)
    return list(conn.execute(statement.order_by(r.logical_date)).scalars())


def list_task_instances(conn: sa.Connection, wanted: TiFilter, window: Window) -> Page:
    """A page of task instance rows, each with its run's and version's facts."""
    return fetch_page(conn, _select_tis().where(*_ti_conditions(wanted)), window, _TI_ORDERS)


def list_every_task_instance(conn: sa.Connection, wanted: TiFilter) -> list[sa.Row[Any]]:
    """All rows, unlike a page: for changes that must take in every one."""
    statement = _select_tis().where(*_ti_conditions(wanted)).order_by(task_instance.c.id)
    return list(conn.execute(statement))


def find_task_instance(
    conn: sa.Connection, dag_id: str, run_id: str, task_id: str, map_index: int = -1
) -> sa.Row[Any] | None:
    """One task instance row with its run's and version's facts."""
    t = task_instance.c
    named = (t.dag_id == dag_id, t.run_id == run_id, t.task_id == task_id, t.map_index == map_index)
    return conn.execute(_select_tis().where(*named)).first()


def list_tries(conn: sa.Connection, task_instance_id: int) -> list[sa.Row[Any]]:
    """The tries that are over and were followed by another, oldest first."""
    statement = sa.select(task_try).where(task_try.c.task_instance == task_instance_id)
    return list(conn.execute(statement.order_by(task_try.c.try_number)))


def list_all_states(
    conn: sa.Connection, dag_id: str, run_id: str, task_ids: list[str] | None
) -> list[sa.Row[Any]]:
    """Rows (task_id, map_index, state) of a run, all of them."""
    t = task_instance.c
    statement = sa.select(t.task_id, t.map_index, t.state).where(t.dag_id == dag_id, t.run_id == run_id)
    if task_ids is not None:
        statement = statement.where(t.task_id.in_(task_ids))
    return list(conn.execute(statement))


def _select_runs() -> sa.Select[Any]:
    return sa.select(*dag_run.c, *_VERSION).join_from(
        dag_run, dag_version, dag_version.c.id == dag_run.c.version_id
    )


def _select_tis() -> sa.Select[Any]:
    run_facts = (dag_run.c.logical_date, dag_run.c.run_after, dag_run.c.version_id)
    joined = sa.select(*task_instance.c, *run_facts, *_VERSION).join_from(
        task_instance, dag_run, dag_run.c.id == task_instance.c.run
    )
    return joined.join(dag_version, dag_version.c.id == dag_run.c.version_id)


def _run_conditions(wanted: RunFilter) -> list[sa.ColumnElement[bool]]:
    r = dag_run.c
    conditions = [
        *matches(r.run_id, wanted.run_id_pattern),
        *starts(r.run_id, wanted.run_id_prefix),
        *matches(r.dag_id, wanted.dag_id_pattern),
        *starts(r.dag_id, wanted.dag_id_prefix),
        *matches(r.triggering_user, wanted.user_pattern),
        *starts(r.triggering_user, wanted.user_prefix),
        *_consumes(wanted.asset_pattern),
        *matches(r.conf, wanted.conf_contains),
        *matches(r.partition_key, wanted.partition_pattern, is_one=True),
        *starts(r.partition_key, wanted.partition_prefix, is_one=True),
        *_bounds(dag_run, _RUN_DURATION, wanted.bounds, wanted.now),
    ]
    for column, values in ((r.dag_id, wanted.dag_ids), (r.state, wanted.states or None)):
        conditions += [] if values is None else [_among(column, list(values))]
    if wanted.run_types:
        conditions.append(r.run_type.in_(wanted.run_types))
    if wanted.version_numbers:
        conditions.append(dag_version.c.number.in_(wanted.version_numbers))
    for column, value in ((r.bundle, wanted.bundle), (r.partition_key, wanted.partition_key)):
        conditions += [] if value is None else [column == value]
    return conditions


def _ti_conditions(wanted: TiFilter) -> list[sa.ColumnElement[bool]]:
    t = task_instance.c
    conditions = _bounds(task_instance, _TI_DURATION, wanted.bounds, wanted.now)
    for column, values in ((t.dag_id, wanted.dag_ids), (t.run_id, wanted.run_ids)):
        conditions += [] if values is None else [column.in_(values)]
    for name, allowed in wanted.equal.items():
        conditions += [_among(t[name], allowed)] if allowed else []
    for name, pattern in wanted.patterns.items():
        conditions += matches(_searched(name), pattern)
    for name, prefix in wanted.prefixes.items():
        conditions += starts(_searched(name), prefix)
    if wanted.nothing:
        conditions.append(sa.false())
    if wanted.mapped_only:
        conditions.append(t.map_index >= 0)
    if wanted.version_numbers:
        conditions.append(dag_version.c.number.in_(wanted.version_numbers))
    return conditions


def _searched(name: str) -> sa.ColumnElement[Any]:
    """A column of task instances in which one searches; a mapped one without a label of its own has its index."""
    t = task_instance.c
    if name != "map_index_label":
        return t[name]
    number = sa.case((t.map_index >= 0, sa.cast(t.map_index, sa.String)))
    return sa.func.coalesce(t.map_index_label, number)


def _consumes(pattern: str | None) -> list[sa.ColumnElement[bool]]:
    found = [*matches(asset.c.name, pattern), *matches(asset.c.uri, pattern)]
    link = dag_run_asset_event.c
    ties = (link.run == dag_run.c.id, asset_event.c.id == link.event, asset.c.id == asset_event.c.asset)
    return [sa.exists().where(*ties, sa.or_(*found))] if found else []


def _bounds(
    table: sa.Table, duration: sa.ColumnElement[Any], bounds: Mapping[str, Bounds], now: float | None = None
) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    for name, limits in bounds.items():
        if name == "duration":
            column: sa.ColumnElement[Any] = duration
        elif name == "updated_at":
            columns = [table.c.end_date, table.c.start_date, table.c.queued_at]
            column = sa.func.coalesce(*columns)
        else:
            column = table.c[name] if name in table.c else dag_run.c[name]
            if now is not None and name in ("start_date", "end_date"):
                column = sa.func.coalesce(column, now)
        conditions += between(column, limits)
    return conditions


def _among(column: sa.ColumnElement[Any], values: list[Any]) -> sa.ColumnElement[bool]:
    named = [value for value in values if value is not None]
    return sa.or_(column.in_(named), column.is_(None)) if None in values else column.in_(named)


def list_rendered(conn: sa.Connection, keys: list[int]) -> dict[int, str]:
    """JSON of the rendered template fields of those task instances that have any."""
    r, found = rendered_fields.c, dict[int, str]()
    for start in range(0, len(keys), 500):
        query = sa.select(r.task_instance, r.fields).where(r.task_instance.in_(keys[start : start + 500]))
        found.update({row.task_instance: row.fields for row in conn.execute(query)})
    return found
