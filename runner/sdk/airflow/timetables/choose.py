"""From what a DAG was given as its schedule to a timetable, by the rules of the environment's generation."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.configuration import conf, generation
from airflow.exceptions import AirflowTimetableInvalid, NotSupported
from airflow.timetables.base import Timetable
from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from airflow.timetables.simple import ContinuousTimetable, NullTimetable, OnceTimetable
from airflow.timetables.trigger import CronTriggerTimetable, DeltaTriggerTimetable


def default_schedule() -> Any:
    """What no schedule at all means: a day in 1.x and 2.x, nothing in 3.x."""
    return dt.timedelta(days=1) if generation() < 3 else None


def timetable_for(schedule: Any, zone: dt.tzinfo) -> Timetable:
    """Raises AirflowTimetableInvalid for what no generation knows, NotSupported for what this engine cannot do yet."""
    if isinstance(schedule, Timetable):
        return schedule
    if schedule is None or schedule == "None":
        return NullTimetable()
    if schedule == "@once":
        return OnceTimetable()
    if schedule == "@continuous":
        return ContinuousTimetable()
    if isinstance(schedule, str):
        intervals = conf.getboolean("scheduler", "create_cron_data_intervals")
        return (
            CronDataIntervalTimetable(schedule, zone)
            if intervals
            else CronTriggerTimetable(schedule, timezone=zone)
        )
    if isinstance(schedule, dt.timedelta) or type(schedule).__name__ == "relativedelta":
        _refuse_standstill(schedule)
        intervals = conf.getboolean("scheduler", "create_delta_data_intervals")
        return DeltaDataIntervalTimetable(schedule) if intervals else DeltaTriggerTimetable(schedule)
    if type(schedule).__name__ in ("list", "tuple", "set", "Dataset", "Asset"):
        raise NotSupported(f"cannot schedule by {schedule!r}: data-aware scheduling cannot be used yet")
    raise AirflowTimetableInvalid(
        f"cannot use {schedule!r} as a schedule: it is a {type(schedule).__qualname__}"
    )


def _refuse_standstill(delta: Any) -> None:
    base = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    if base + delta <= base:
        raise AirflowTimetableInvalid(f"cannot use {delta} as a schedule: it must lead forward in time")
