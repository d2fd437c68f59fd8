"""The dates before and after one by a DAG's schedule, as DAG files of 1.10 and 2.x ask for them."""

from __future__ import annotations

from typing import Any

from airflow.utils.timezone import coerce_datetime


def following_schedule(dag: Any, dttm: Any) -> Any:
    """When the interval that begins at `dttm` ends; None for a schedule that has no such step."""
    return _step(dag, "_get_next", dttm)


def previous_schedule(dag: Any, dttm: Any) -> Any:
    """The date of the schedule before `dttm`; None for a schedule that has no such step."""
    return _step(dag, "_get_prev", dttm)


def _step(dag: Any, way: str, dttm: Any) -> Any:
    step = getattr(dag.timetable, way, None)
    return step(coerce_datetime(dttm)) if step is not None else None
