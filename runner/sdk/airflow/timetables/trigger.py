"""Timetables whose runs begin at a tick; what they cover, mostly nothing, is said apart from it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.timetables._cron import CronMixin
from airflow.timetables._delta import DeltaMixin, read_length
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable, length_to_wire
from airflow.utils.timezone import coerce_datetime, utcnow

_NOTHING = dt.timedelta()


class _TriggerTimetable(Timetable):
    """One tick after the other; for classes of users that build on it. The engine does not ask it."""

    _interval: Any = _NOTHING

    def _get_next(self, current: Any) -> Any:
        raise NotImplementedError

    def _align_to_next(self, current: Any) -> Any:
        raise NotImplementedError

    def _align_to_prev(self, current: Any) -> Any:
        raise NotImplementedError

    def _calc_first_run(self) -> Any:
        """The first tick of a DAG without a start date."""
        return self._align_to_prev(coerce_datetime(utcnow()))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        last, earliest = last_automated_data_interval, restriction.earliest
        ticks = []
        if last is not None:
            ticks.append(self._get_next(last.end))
        elif earliest is None:
            ticks.append(self._calc_first_run())
        if earliest is not None and not (restriction.catchup and last is not None):
            ticks.append(self._align_to_next(earliest))
        if not restriction.catchup:
            ticks.append(self._align_to_prev(coerce_datetime(utcnow())))
        tick = max(ticks)
        if restriction.latest is not None and restriction.latest < tick:
            return None
        return DagRunInfo.interval(tick - self._interval, tick)

    def infer_manual_data_interval(self, *, run_after: Any) -> DataInterval:
        return DataInterval(run_after - self._interval, run_after)

    def _length_wire(self) -> dict[str, Any]:
        length = length_to_wire(self._interval)
        return {"interval": False, **({"length": length} if length else {})}


class CronTriggerTimetable(CronMixin, _TriggerTimetable):
    """Runs at the ticks of a cron expression; a run covers the `interval` before its tick.

    `run_immediately` is for a DAG without a start date and without runs: whether its first run is the tick before
    now (True), the next one (False; when the last is near, that one), or the last if it is no longer ago than that.
    """

    def __init__(
        self,
        cron: str,
        timezone: str | dt.tzinfo | None = None,
        *,
        interval: Any = _NOTHING,
        run_immediately: bool | dt.timedelta | None = False,
    ) -> None:
        super().__init__(cron, timezone)
        self._interval = self.interval = interval
        self._run_immediately = self.run_immediately = run_immediately

    def _known_wire(self, zone: str) -> dict[str, Any]:
        return {**self._cron_wire(zone), **self._length_wire(), **_immediately(self._run_immediately)}

    def serialize(self) -> dict[str, Any]:
        rest = {"interval": length_to_wire(self._interval), **_immediately(self._run_immediately)}
        return {**super().serialize(), **rest}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> CronTriggerTimetable:
        options = {"interval": read_length(data["interval"]), "run_immediately": _read_immediately(data)}
        return cls(data["expression"], timezone=data["timezone"], **options)

    def _calc_first_run(self) -> Any:
        now = coerce_datetime(utcnow())
        before, after = self._align_to_prev(now), self._align_to_next(now)
        if self._run_immediately is True:
            return before
        if isinstance(self._run_immediately, dt.timedelta):
            buffer = self._run_immediately
        else:
            buffer = max((after - before) / 10, dt.timedelta(minutes=5))
        return before if now - before <= buffer else after


class MultipleCronTriggerTimetable(Timetable):
    """Runs at the ticks of several cron expressions; one run where two of them meet."""

    def __init__(
        self,
        *crons: str,
        timezone: str | dt.tzinfo | None = None,
        interval: Any = _NOTHING,
        run_immediately: bool | dt.timedelta | None = False,
    ) -> None:
        if not crons:
            raise ValueError("cannot make a MultipleCronTriggerTimetable: it needs a cron expression")
        options = {"timezone": timezone, "interval": interval, "run_immediately": run_immediately}
        self._timetables = [CronTriggerTimetable(cron, **options) for cron in crons]

    @property
    def summary(self) -> str:
        return ", ".join(table.summary for table in self._timetables)

    def _known_wire(self, zone: str) -> dict[str, Any]:
        first = self._timetables[0]._known_wire(zone)
        del first["expression"]
        expressions = [table.expression for table in self._timetables]
        return {**first, "kind": "multiple_cron", "expressions": expressions}

    def serialize(self) -> dict[str, Any]:
        first = self._timetables[0].serialize()
        del first["expression"]
        return {**first, "expressions": [table.expression for table in self._timetables]}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> MultipleCronTriggerTimetable:
        options = {"interval": read_length(data["interval"]), "run_immediately": _read_immediately(data)}
        return cls(*data["expressions"], timezone=data["timezone"], **options)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        last, now = last_automated_data_interval, utcnow()
        found = [
            info
            for table in self._timetables
            if (info := table.next_dagrun_info(last_automated_data_interval=last, restriction=restriction))
        ]
        due = [info for info in found if info.logical_date <= now and not restriction.catchup]
        if due:
            return max(due, key=lambda info: info.logical_date)
        return min(found, key=lambda info: info.logical_date, default=None)

    def infer_manual_data_interval(self, *, run_after: Any) -> DataInterval:
        return self._timetables[0].infer_manual_data_interval(run_after=run_after)


class DeltaTriggerTimetable(DeltaMixin, _TriggerTimetable):
    """Runs every `delta`; a run covers the `interval` before its tick."""

    def __init__(self, delta: Any, *, interval: Any = _NOTHING) -> None:
        super().__init__(delta)
        self._interval = self.interval = interval

    def _known_wire(self, zone: str) -> dict[str, Any]:
        return {**self._delta_wire(zone), **self._length_wire()}

    def serialize(self) -> dict[str, Any]:
        return {**super().serialize(), "interval": length_to_wire(self._interval)}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> DeltaTriggerTimetable:
        return cls(read_length(data["delta"]), interval=read_length(data["interval"]))


def _immediately(value: Any) -> dict[str, Any]:
    if isinstance(value, dt.timedelta):
        return {"run_immediately": value.total_seconds()}
    return {"run_immediately": bool(value)}


def _read_immediately(data: dict[str, Any]) -> Any:
    value = data["run_immediately"]
    return value if isinstance(value, bool) else dt.timedelta(seconds=value)
