"""Partitions of runs: choosing runs by them, the days of a list's filter, and taking them off runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from runner.api.airflow.bodies import PartitionsClear, PartitionSelector
from runner.api.answers import reply
from runner.api.call import Call
from runner.api.errors import ApiError, not_found
from runner.api.query import Query
from runner.domain.partition_runs import has_dates, place_date
from runner.store import listing_runs
from runner.store.dags import find_runnable
from runner.store.listing_runs import RunFilter
from runner.store.runs import drop_partitions
from runner.store.task_instances import clear, list_ids

Bounds = dict[str, float | None]


def clear_partitions(call: Call) -> Response:
    """POST /dags/{dag_id}/clearPartitions: runs are about no partition any more, and run again if that is wished."""
    body, dag_id = call.parse(PartitionsClear), call.path["dag_id"]
    with call.begin() as conn:
        timetable = _get_timetable(conn, dag_id)
        if body.run_id is not None:
            row = listing_runs.find_run(conn, dag_id, body.run_id)
            rows = [] if row is None else [row]
        else:
            rows = select_runs(conn, dag_id, timetable, body)
        parted = [row.id for row in rows if (row.partition_key, row.partition_date) != (None, None)]
        tasks = [key for row in rows for key in list_ids(conn, row.id)] if body.clear_task_instances else []
        if not body.dry_run:
            drop_partitions(conn, parted)
            clear(conn, tasks, call.cell.clock())
    if not body.dry_run:
        call.cell.post_runs_changed([row.id for row in rows])
    counts = {"dag_runs_cleared": len(parted), "task_instances_cleared": len(tasks)}
    return reply({**counts, "dry_run": body.dry_run})


def name_runs(conn: sa.Connection, dag_id: str, chosen: PartitionSelector) -> list[tuple[str, str]]:
    """The runs of a DAG that a body chooses by their partition. Raises ApiError."""
    if dag_id == "~":
        raise ApiError("invalid", "cannot choose runs of DAG '~' by their partition: name one DAG")
    rows = select_runs(conn, dag_id, _get_timetable(conn, dag_id), chosen)
    return [(row.dag_id, row.run_id) for row in rows]


def select_runs(
    conn: sa.Connection, dag_id: str, timetable: Mapping[str, Any], chosen: PartitionSelector
) -> list[Any]:
    """The rows of the runs of one partition, or of those that begin in a time."""
    if chosen.partition_key is not None:
        return listing_runs.list_every_run(conn, RunFilter([dag_id], partition_key=chosen.partition_key))
    start, end = chosen.partition_date_start, chosen.partition_date_end
    bounds = {"gte": _place(timetable, start), "lte": _place(timetable, end)}
    return listing_runs.list_every_run(conn, RunFilter([dag_id], bounds={"partition_date": bounds}))


def read_days(query: Query) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day that the partitions of a list's runs may begin on."""
    return query.day("partition_date_gte"), query.day("partition_date_lte")


def place_days(
    conn: sa.Connection, dag_id: str, days: tuple[dt.date | None, dt.date | None]
) -> dict[str, Bounds]:
    """Bounds of days as the DAG's timetable places them; the last one belongs to it as a whole. Raises ApiError."""
    if days == (None, None):
        return {}
    if dag_id == "~":
        raise ApiError(
            "invalid", "cannot filter runs of DAG '~' by the date of their partition: name one DAG"
        )
    timetable = _get_timetable(conn, dag_id)
    if not has_dates(timetable):
        raise ApiError("invalid", f"cannot filter runs of DAG {dag_id!r} by partitions: it has none")
    first, last = days
    after = None if last is None else _get_midnight(last + dt.timedelta(days=1))
    start = None if first is None else _get_midnight(first)
    return {"partition_date": {"gte": _place(timetable, start), "lt": _place(timetable, after)}}


def _get_timetable(conn: sa.Connection, dag_id: str) -> Mapping[str, Any]:
    runnable = find_runnable(conn, dag_id)
    if runnable is None:
        raise not_found("DAG", dag_id)
    return runnable.spec.timetable


def _get_midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min)


def _place(timetable: Mapping[str, Any], at: dt.datetime | None) -> float | None:
    try:
        return None if at is None else place_date(timetable, at)
    except OverflowError:
        raise ApiError("invalid", f"cannot use {at} as the date of a partition") from None
