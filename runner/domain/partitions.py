"""The partition that a run of a cron is about: worked out from the run's own tick, whenever somebody asks. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from airflow._wire.zones import read_zone

from runner.domain.rhythms import read_steps


def find_partition(timetable: Mapping[str, Any], run_type: str, run_after: float) -> tuple[str, float] | None:
    """Key and date of the partition of a scheduled run; None when its timetable has none, or a person started it.

    The date is the run's tick or, by the timetable's offset, one so many ticks later or earlier; the key is that date
    as a clock in the timetable's zone shows it.
    """
    wanted = timetable.get("partition")
    if not wanted or run_type not in ("scheduled", "backfill"):
        return None
    steps, date = read_steps(timetable), dt.datetime.fromtimestamp(run_after, dt.UTC)
    offset = int(wanted["offset"])
    for _ in range(abs(offset)):
        date = steps.find_next(date) if offset > 0 else steps.find_previous(date)
    face = date.astimezone(read_zone(str(timetable.get("timezone", "UTC"))))
    return face.strftime(str(wanted["format"])), date.timestamp()
