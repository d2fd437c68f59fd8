"""What a timetable is: the protocol that users' own classes follow, and the values that pass through it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from airflow._wire import encoding


class DataInterval(NamedTuple):
    """The time that a run covers, from `start` up to `end`; both are aware."""

    start: Any
    end: Any

    @classmethod
    def exact(cls, at: Any) -> DataInterval:
        """An interval that is a moment."""
        return cls(at, at)


class TimeRestriction(NamedTuple):
    """The DAG's start and end dates, and whether runs of the past are made up for."""

    earliest: Any
    latest: Any
    catchup: bool


class DagRunInfo(NamedTuple):
    """A run that a timetable asks for: not before `run_after`, covering `data_interval`."""

    run_after: Any
    data_interval: Any
    partition_date: Any = None
    partition_key: str | None = None

    @classmethod
    def exact(cls, at: Any) -> DagRunInfo:
        """A run at a moment, covering none."""
        return cls(at, DataInterval.exact(at))

    @classmethod
    def interval(cls, start: Any, end: Any) -> DagRunInfo:
        """A run that covers the time from `start` to `end` and may begin then."""
        return cls(end, DataInterval(start, end))

    @property
    def logical_date(self) -> Any:
        return self.data_interval.start if self.data_interval else None


_DECIDING = (
    "next_dagrun_info",
    "next_dagrun_info_v2",
    "infer_manual_data_interval",
    "_calc_first_run",
    "_get_next",
    "_get_prev",
    "_align_to_next",
    "_align_to_prev",
    "_skip_to_latest",
)
_OURS = "airflow.timetables."


class Timetable:
    """Base of all timetables. A class of your own overrides `next_dagrun_info` and `infer_manual_data_interval`.

    The engine asks it in a process of the environment, which imports the DAG's file. One with arguments overrides
    `serialize` and `deserialize` too: it is made anew from what `serialize` gave before it is asked.
    """

    description: str = ""
    periodic: bool = True
    can_be_scheduled: bool = True
    run_ordering: Sequence[str] = ("data_interval_end", "logical_date")
    active_runs_limit: int | None = None
    asset_condition: Any = None
    partitioned: ClassVar[bool] = False

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The run after the one that covers `last_automated_data_interval` (None: there was none yet), or None."""
        raise NotImplementedError

    def infer_manual_data_interval(self, *, run_after: Any) -> DataInterval:
        """What a run covers that somebody starts by hand at `run_after`."""
        raise NotImplementedError

    def serialize(self) -> dict[str, Any]:
        """What `deserialize` needs to make the timetable again, as JSON's types."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Timetable:
        """The timetable that `serialize` wrote."""
        return cls()

    def validate(self) -> None:
        """Raises AirflowTimetableInvalid when the timetable cannot be used; called when a DAG is made."""

    @property
    def summary(self) -> str:
        """A few words in place of a cron expression."""
        return type(self).__name__

    @property
    def type_name(self) -> str:
        kind = type(self)
        return (
            kind.__name__ if kind.__module__.startswith(_OURS) else f"{kind.__module__}.{kind.__qualname__}"
        )

    @property
    def can_run(self) -> bool:
        return self.can_be_scheduled

    def to_wire(self, zone: str) -> dict[str, Any]:
        """The serialised form (see `_wire.serialized.Timetable`); `zone` is the DAG's, for what names none.

        Raises NotEncodable when `serialize` gives what JSON cannot hold.
        """
        data = self._known_wire(zone) if self._decides_as_ours() else self._custom_wire(zone)
        data["summary"] = getattr(self, "_written", None) or self.summary
        if self.description:
            data["description"] = str(self.description)
        return data

    def _known_wire(self, zone: str) -> dict[str, Any]:
        """The form of a timetable that the engine knows."""
        raise NotImplementedError

    def _custom_wire(self, zone: str) -> dict[str, Any]:
        data = {
            "kind": "custom",
            "classpath": f"{type(self).__module__}.{type(self).__qualname__}",
            "data": encoding.to_plain(self.serialize(), "the timetable's data"),
            "timezone": zone,
            "periodic": bool(self.periodic),
        }
        if self.asset_condition is not None:
            from airflow.assets.wire import to_condition

            data["condition"] = to_condition(self.asset_condition)
        return data

    def _decides_as_ours(self) -> bool:
        """Whether all that decides on runs is this package's, so that the engine need not ask."""
        if type(self)._known_wire is Timetable._known_wire:
            return False
        found = (getattr(type(self), name, None) for name in _DECIDING)
        return all(getattr(item, "__module__", _OURS).startswith(_OURS) for item in found)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.to_wire("UTC") == other.to_wire("UTC")

    def __hash__(self) -> int:
        return hash((type(self), self.summary))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.summary}>"


BaseTimetable = Timetable


def length_to_wire(value: Any) -> float | dict[str, Any]:
    """A length of time: seconds, or the arguments of a relativedelta."""
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, (int, float)):
        return float(value)
    return relative_to_wire(value)


_ADDED = ("years", "months", "days", "leapdays", "hours", "minutes", "seconds", "microseconds")
_SET = ("year", "month", "day", "hour", "minute", "second", "microsecond")


def relative_to_wire(delta: Any) -> dict[str, Any]:
    """The arguments of a relativedelta that are not nothing."""
    parts: dict[str, Any] = {name: getattr(delta, name) for name in _ADDED if getattr(delta, name)}
    parts |= {name: getattr(delta, name) for name in _SET if getattr(delta, name) is not None}
    if delta.weekday is not None:
        parts["weekday"] = [delta.weekday.weekday, delta.weekday.n or 1]
    return parts
