"""Runs at listed moments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from airflow.utils.timezone import coerce_aware, utcnow


class EventsTimetable(Timetable):
    """Runs at each of `event_dates`, once. With `restrict_to_events` a run by hand takes the newest as its date.

    `description` names the list for people; without it they read how many events there are, and between which.
    """

    def __init__(
        self,
        event_dates: Iterable[Any],
        restrict_to_events: bool = False,
        presorted: bool = False,
        description: str | None = None,
    ) -> None:
        dates = [coerce_aware(date) for date in event_dates]
        self.event_dates = dates if presorted else sorted(dates)
        self.restrict_to_events = restrict_to_events
        self._summary = description or f"{len(dates)} events"
        self.description = description or self._describe()

    def _describe(self) -> str:
        if not self.event_dates:
            return "No events"
        first, last = self.event_dates[0].isoformat(), self.event_dates[-1].isoformat()
        return f"{len(self.event_dates)} events between {first} and {last}"

    @property
    def summary(self) -> str:
        return self._summary

    def _known_wire(self, zone: str) -> dict[str, Any]:
        dates = [date.isoformat() for date in self.event_dates]
        shared = {"kind": "events", "timezone": zone, "interval": False, "dates": dates}
        return {**shared, "restrict_to_events": bool(self.restrict_to_events)}

    def serialize(self) -> dict[str, Any]:
        dates = [date.isoformat() for date in self.event_dates]
        described = {"description": self.description, "summary": self._summary}
        return {"event_dates": dates, "restrict_to_events": self.restrict_to_events, **described}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> EventsTimetable:
        dates = [dt.datetime.fromisoformat(text) for text in data["event_dates"]]
        table = cls(dates, data["restrict_to_events"], presorted=True, description=data["description"])
        table._summary = data["summary"]
        return table

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        bounds = [restriction.earliest] if restriction.earliest is not None else []
        bounds += [] if restriction.catchup else [utcnow()]
        after = last_automated_data_interval.end if last_automated_data_interval is not None else None
        for date in self.event_dates:
            if all(date >= bound for bound in bounds) and (after is None or date > after):
                late = restriction.latest is not None and date > restriction.latest
                return None if late else DagRunInfo.exact(date)
        return None

    def infer_manual_data_interval(self, *, run_after: Any) -> DataInterval:
        if not self.restrict_to_events or not self.event_dates:
            return DataInterval.exact(run_after)
        past = [date for date in self.event_dates if date <= run_after]
        return DataInterval.exact(past[-1] if past else self.event_dates[0])
