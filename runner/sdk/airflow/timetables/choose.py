"""From what a DAG was given as its schedule to a timetable, by the rules of the environment's generation."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.configuration import conf, generation
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import Timetable
from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from airflow.timetables.simple import ContinuousTimetable, NullTimetable, OnceTimetable
from airflow.timetables.trigger import CronTriggerTimetable, DeltaTriggerTimetable


def default_schedule() -> Any:
    """What no schedule at all means: a day in 1.x and 2.x, nothing in 3.x."""
    return dt.timedelta(days=1) if generation() < 3 else None


def timetable_for(schedule: Any, zone: dt.tzinfo) -> Timetable:
    """The timetable of a schedule. Raises AirflowTimetableInvalid for what no generation knows."""
    table = _find(schedule, zone)
    table.validate()
    return table


def _find(schedule: Any, zone: dt.tzinfo) -> Timetable:
    if isinstance(schedule, Timetable):
        return schedule
    if schedule is None or schedule == "None":
        return NullTimetable()
    if isinstance(schedule, str):
        return _of_text(schedule, zone)
    if isinstance(schedule, dt.timedelta) or type(schedule).__name__ == "relativedelta":
        intervals = conf.getboolean("scheduler", "create_delta_data_intervals")
        return DeltaDataIntervalTimetable(schedule) if intervals else DeltaTriggerTimetable(schedule)
    if isinstance(schedule, (list, tuple, set, frozenset)) or _is_asset(schedule):
        from airflow.timetables.assets import AssetTriggeredTimetable

        return AssetTriggeredTimetable(schedule)
    raise AirflowTimetableInvalid(
        f"cannot use {schedule!r} as a schedule: it is a {type(schedule).__qualname__}"
    )


def _of_text(schedule: str, zone: dt.tzinfo) -> Timetable:
    if schedule == "@once":
        return OnceTimetable()
    if schedule == "@continuous":
        return ContinuousTimetable()
    intervals = conf.getboolean("scheduler", "create_cron_data_intervals")
    table = CronDataIntervalTimetable if intervals else CronTriggerTimetable
    return table(schedule, zone)


def _is_asset(schedule: Any) -> bool:
    from airflow.assets.definition import BaseAsset

    return isinstance(schedule, BaseAsset)
