"""Timetables with data intervals: a run covers [start, end) and may begin at its end."""

from __future__ import annotations

from typing import Any

from airflow.timetables._cron import CronMixin
from airflow.timetables._delta import DeltaMixin, read_length
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from airflow.utils.timezone import coerce_datetime, utcnow


class _DataIntervalTimetable(Timetable):
    """One interval after the other; for classes of users that build on it. The engine does not ask it."""

    def _get_next(self, current: Any) -> Any:
        raise NotImplementedError

    def _get_prev(self, current: Any) -> Any:
        raise NotImplementedError

    def _align_to_next(self, current: Any) -> Any:
        raise NotImplementedError

    def _align_to_prev(self, current: Any) -> Any:
        raise NotImplementedError

    def _skip_to_latest(self, earliest: Any) -> Any:
        """Where the newest interval that is over begins, or `earliest` when that is later."""
        newest = self._get_prev(self._align_to_prev(coerce_datetime(utcnow())))
        return newest if earliest is None else max(newest, self._align_to_next(earliest))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        earliest = restriction.earliest
        if not restriction.catchup:
            earliest = self._skip_to_latest(earliest)
        elif earliest is not None:
            earliest = self._align_to_next(earliest)
        start = earliest
        if last_automated_data_interval is not None:
            after = self._align_to_prev(last_automated_data_interval.end)
            start = after if earliest is None else max(after, earliest)
            if start <= last_automated_data_interval.start:
                start = self._get_next(start)
        if start is None or (restriction.latest is not None and start > restriction.latest):
            return None
        return DagRunInfo.interval(start, self._get_next(start))

    def infer_manual_data_interval(self, *, run_after: Any) -> DataInterval:
        end = self._align_to_prev(run_after)
        return DataInterval(self._get_prev(end), end)


class CronDataIntervalTimetable(CronMixin, _DataIntervalTimetable):
    """Runs cover the time between two ticks of a cron expression. Without `timezone` it is the DAG's."""

    def _known_wire(self, zone: str) -> dict[str, Any]:
        return {**self._cron_wire(zone), "interval": True}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> CronDataIntervalTimetable:
        return cls(data["expression"], data["timezone"])


class DeltaDataIntervalTimetable(DeltaMixin, _DataIntervalTimetable):
    """Runs cover `delta` (a timedelta or relativedelta)."""

    def _known_wire(self, zone: str) -> dict[str, Any]:
        return {**self._delta_wire(zone), "interval": True}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> DeltaDataIntervalTimetable:
        return cls(read_length(data["delta"]))
