"""Reading DAGs and their versions for people: lists with filters. Nothing here writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from runner.store.listing_page import Orders, Page, Window, between, fetch_page, matches, starts
from runner.store.schema import asset, dag, dag_asset, dag_file, dag_run, dag_version


def _last_run_state() -> sa.ScalarSelect[str]:
    newest = sa.select(dag_run.c.state).where(dag_run.c.dag_id == dag.c.dag_id)
    return newest.order_by(dag_run.c.run_after.desc(), dag_run.c.id.desc()).limit(1).scalar_subquery()


_DAG_ORDERS = Orders(
    {
        "dag_id": dag.c.dag_id,
        "dag_display_name": dag.c.dag_id,
        "is_paused": dag.c.is_paused,
        "is_stale": dag.c.is_stale,
        "last_parsed_time": dag.c.last_parsed,
        "next_dagrun": dag.c.next_logical_date,
        "next_dagrun_logical_date": dag.c.next_logical_date,
        "next_dagrun_run_after": dag.c.next_run_after,
        "next_dagrun_create_after": dag.c.next_run_after,
        "last_run_state": _last_run_state(),
        "last_run_start_date": sa.select(sa.func.max(dag_run.c.start_date))
        .where(dag_run.c.dag_id == dag.c.dag_id)
        .scalar_subquery(),
        "last_run_run_after": sa.select(sa.func.max(dag_run.c.run_after))
        .where(dag_run.c.dag_id == dag.c.dag_id)
        .scalar_subquery(),
    },
    dag.c.dag_id,
)
_SCHEDULED = (
    dag_asset.c.dag_id == dag.c.dag_id,
    dag_asset.c.role == "schedule",
    dag_asset.c.kind == "asset",
)
_VERSION_COLUMNS = [column for column in dag_version.c if column.name != "data"]
_VERSION_ORDERS = Orders(
    {
        "id": dag_version.c.id,
        "version_number": dag_version.c.number,
        "bundle_version": dag_version.c.bundle,
        "created_at": dag_version.c.created_at,
        "bundle_name": dag_version.c.dag_id,
    },
    dag_version.c.id,
)


@dataclass(frozen=True, slots=True)
class DagFilter:
    """Which DAGs. Fields that are None or empty do not filter."""

    dag_ids: list[str] | None = None
    pattern: str | None = None
    prefix: str | None = None
    paused: bool | None = None
    exclude_stale: bool = True
    has_import_errors: bool | None = None
    last_run_state: str | None = None
    run_states: list[str] = field(default_factory=list)
    has_asset_schedule: bool | None = None
    run_bounds: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """'start_date' and 'end_date': limits that one and the same run must keep."""
    file_bundle: str | None = None
    asset_dependency: str | None = None
    """Part of the name or the URI of an asset that it is scheduled by."""


def list_dags(conn: sa.Connection, wanted: DagFilter, window: Window) -> Page:
    """A page of DAG rows, each with its file's facts (see `_select`)."""
    return fetch_page(conn, _select().where(*_conditions(wanted)), window, _DAG_ORDERS)


def list_dag_ids(conn: sa.Connection, wanted: DagFilter) -> list[tuple[str, int]]:
    """Id and newest version of every DAG wanted."""
    statement = sa.select(dag.c.dag_id, dag.c.version_id).where(*_conditions(wanted))
    return [(row.dag_id, row.version_id) for row in conn.execute(statement)]


def list_files_of_dags(conn: sa.Connection, dag_ids: list[str]) -> dict[str, str]:
    """By DAG id: the file that defines it now. Ids that no file defines are left out."""
    statement = sa.select(dag.c.dag_id, dag.c.file).where(dag.c.dag_id.in_(dag_ids), ~dag.c.is_stale)
    return {row.dag_id: row.file for row in conn.execute(statement)}


def find_dag_row(conn: sa.Connection, dag_id: str) -> sa.Row[Any] | None:
    """One DAG row, stale or not, with its file's facts."""
    return conn.execute(_select().where(dag.c.dag_id == dag_id)).first()


def list_versions(
    conn: sa.Connection, dag_id: str, number: int | None, bundle: str | None, window: Window
) -> Page:
    """A page of a DAG's versions ('~': of all DAGs), without their data."""
    conditions: list[sa.ColumnElement[bool]] = [] if dag_id == "~" else [dag_version.c.dag_id == dag_id]
    if number is not None:
        conditions.append(dag_version.c.number == number)
    if bundle is not None:
        conditions.append(dag_version.c.bundle == bundle)
    return fetch_page(conn, sa.select(*_VERSION_COLUMNS).where(*conditions), window, _VERSION_ORDERS)


def find_version(conn: sa.Connection, dag_id: str, number: int | None = None) -> sa.Row[Any] | None:
    """A version of a DAG with its data: the newest unless a number is given."""
    statement = sa.select(dag_version).where(dag_version.c.dag_id == dag_id)
    if number is not None:
        return conn.execute(statement.where(dag_version.c.number == number)).first()
    return conn.execute(statement.join(dag, dag.c.version_id == dag_version.c.id)).first()


def list_version_data(conn: sa.Connection, version_ids: list[int]) -> Mapping[int, str]:
    """Serialised DAGs by version."""
    statement = sa.select(dag_version.c.id, dag_version.c.data).where(dag_version.c.id.in_(version_ids))
    return {row.id: row.data for row in conn.execute(statement)}


def count_runs(conn: sa.Connection, dag_ids: list[str]) -> dict[tuple[str, int], dict[str, int]]:
    """(DAG id, its newest version) -> runs by state, of the DAGs named, or of all, that have any; by their ids."""
    named = [dag.c.dag_id.in_(dag_ids)] if dag_ids else []
    columns = (dag.c.dag_id, dag.c.version_id, dag_run.c.state)
    statement = sa.select(*columns, sa.func.count()).join_from(dag, dag_run, dag_run.c.dag_id == dag.c.dag_id)
    found: dict[tuple[str, int], dict[str, int]] = {}
    rows = conn.execute(statement.where(*named).group_by(*columns).order_by(dag.c.dag_id))
    for dag_id, version, state, count in rows:
        found.setdefault((dag_id, version), {})[state] = count
    return found


def count_active_runs(conn: sa.Connection, dag_id: str) -> int:
    """Runs of the DAG that are running."""
    statement = sa.select(sa.func.count()).where(dag_run.c.dag_id == dag_id, dag_run.c.state == "running")
    return conn.execute(statement).scalar_one()


def _select() -> sa.Select[Any]:
    """All columns of the DAG, and of its file: parse_seconds, import_error (bool), active bundle."""
    return sa.select(
        *dag.c,
        dag_file.c.seconds.label("parse_seconds"),
        dag_file.c.error.is_not(None).label("has_import_errors"),
        dag_file.c.bundle.label("file_bundle"),
    ).join_from(dag, dag_file, dag_file.c.path == dag.c.file, isouter=True)


def _conditions(wanted: DagFilter) -> list[sa.ColumnElement[bool]]:
    conditions = [*matches(dag.c.dag_id, wanted.pattern), *starts(dag.c.dag_id, wanted.prefix)]
    if wanted.dag_ids is not None:
        conditions.append(dag.c.dag_id.in_(wanted.dag_ids))
    if wanted.paused is not None:
        conditions.append(dag.c.is_paused == wanted.paused)
    if wanted.exclude_stale:
        conditions.append(~dag.c.is_stale)
    if wanted.has_import_errors is not None:
        broken = _has_file(dag_file.c.error.is_not(None))
        conditions.append(broken if wanted.has_import_errors else ~broken)
    if wanted.last_run_state is not None:
        conditions.append(_last_run_state() == wanted.last_run_state)
    if of_run := _run_conditions(wanted):
        conditions.append(sa.exists().where(dag_run.c.dag_id == dag.c.dag_id, *of_run))
    if wanted.file_bundle is not None:
        conditions.append(_has_file(dag_file.c.bundle == wanted.file_bundle))
    if wanted.has_asset_schedule is not None:
        scheduled = sa.exists().where(*_SCHEDULED)
        conditions.append(scheduled if wanted.has_asset_schedule else ~scheduled)
    if wanted.asset_dependency is not None:
        text = wanted.asset_dependency
        named = sa.or_(*(c.icontains(text, autoescape=True) for c in (asset.c.name, asset.c.uri)))
        conditions.append(sa.exists().where(*_SCHEDULED, asset.c.id == dag_asset.c.asset, named))
    return conditions


def _has_file(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """The DAG's file is so; also where the file is in the statement already."""
    of_dag = sa.select(dag_file.c.path).where(dag_file.c.path == dag.c.file, condition)
    return of_dag.correlate(dag).exists()


def _run_conditions(wanted: DagFilter) -> list[sa.ColumnElement[bool]]:
    """What a run of the DAG must be."""
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.run_states:
        conditions.append(dag_run.c.state.in_(wanted.run_states))
    for name, limits in wanted.run_bounds.items():
        conditions += between(dag_run.c[name], limits)
    return conditions
