"""What a timetable object of a DAG file is to us: something that can say itself as data."""

from __future__ import annotations

from typing import Any

from airflow.exceptions import NotSupported


class Timetable:
    """Base of the timetables. One that does not override `to_wire` cannot be scheduled by this engine."""

    description = ""

    def to_wire(self, zone: str) -> dict[str, Any]:
        """The serialised form (see `_wire.serialized.Timetable`); `zone` is the DAG's, for what names none."""
        raise NotSupported(
            f"cannot schedule by {type(self).__qualname__}: custom timetables cannot be used yet"
        )

    @property
    def summary(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.summary}>"
