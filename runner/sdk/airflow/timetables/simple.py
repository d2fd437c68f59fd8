"""Timetables without arithmetic."""

from __future__ import annotations

from typing import Any

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from airflow.utils.timezone import coerce_datetime, utcnow


class _TrivialTimetable(Timetable):
    periodic = False
    kind = "null"

    def infer_manual_data_interval(self, *, run_after: Any) -> DataInterval:
        return DataInterval.exact(run_after)

    def _known_wire(self, zone: str) -> dict[str, Any]:
        return {"kind": self.kind, "timezone": zone, "interval": False}


class NullTimetable(_TrivialTimetable):
    """Runs only when somebody asks."""

    summary = "None"
    description = "Never, external triggers only"
    can_be_scheduled = False

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        return None


class OnceTimetable(_TrivialTimetable):
    """Runs once, at the start date."""

    kind = "once"
    summary = "@once"
    description = "Once, as soon as possible"

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        at = restriction.earliest or coerce_datetime(utcnow())
        late = restriction.latest is not None and at > restriction.latest
        return None if last_automated_data_interval is not None or late else DagRunInfo.exact(at)


class ContinuousTimetable(_TrivialTimetable):
    """Begins the next run when the last one is over: one run at a time."""

    kind = "continuous"
    summary = "@continuous"
    description = "As frequently as possible, but only one run at a time."
    active_runs_limit = 1

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        now = coerce_datetime(utcnow())
        start = restriction.earliest or now
        end = max(start, now)
        if last_automated_data_interval is not None:
            start, end = last_automated_data_interval.end, max(now, last_automated_data_interval.end)
        late = restriction.latest is not None and end > restriction.latest
        return None if late else DagRunInfo.interval(start, end)


def __getattr__(name: str) -> Any:
    from airflow import aliases

    return aliases.resolve(__name__, name)
