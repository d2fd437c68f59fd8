"""Timetables without arithmetic."""

from __future__ import annotations

from typing import Any

from airflow.timetables.base import Timetable


class NullTimetable(Timetable):
    """Runs only when somebody asks."""

    kind = "null"
    summary = "None"

    def to_wire(self, zone: str) -> dict[str, Any]:
        return {"kind": self.kind, "timezone": zone, "interval": False, "summary": self.summary}


class OnceTimetable(NullTimetable):
    """Runs once, at the start date."""

    kind = "once"
    summary = "@once"


class ContinuousTimetable(NullTimetable):
    """Begins the next run when the last one is over."""

    kind = "continuous"
    summary = "@continuous"
