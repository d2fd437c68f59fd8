"""Runs when assets are updated, or when that or a time comes."""

from __future__ import annotations

from typing import Any

from airflow.assets.definition import AssetAll, BaseAsset
from airflow.assets.wire import to_condition
from airflow.configuration import generation
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from airflow.timetables.simple import _TrivialTimetable


class AssetTriggeredTimetable(_TrivialTimetable):
    """Runs when the condition over assets is met: what `schedule=[asset, ...]` means."""

    kind = "asset"

    def __init__(self, assets: Any) -> None:
        self.asset_condition = as_condition(assets)
        self.description = f"Triggered by {_name().lower()}s"

    @property
    def summary(self) -> str:
        return _name()

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        return None

    def _known_wire(self, zone: str) -> dict[str, Any]:
        return {**super()._known_wire(zone), "condition": to_condition(self.asset_condition)}


class AssetOrTimeSchedule(AssetTriggeredTimetable):
    """Runs by `timetable`, and whenever the condition over `assets` is met besides."""

    kind = "asset_or_time"

    def __init__(self, *, timetable: Timetable, assets: Any = None, datasets: Any = None) -> None:
        super().__init__(datasets if assets is None else assets)
        if isinstance(timetable, AssetTriggeredTimetable) or not isinstance(timetable, Timetable):
            raise AirflowTimetableInvalid(
                f"cannot use {timetable!r} as the timetable of {type(self).__name__}: it must be one of time"
            )
        self.timetable = timetable
        self.description = f"{self.description} or {timetable.description}"
        self.periodic, self.active_runs_limit = timetable.periodic, timetable.active_runs_limit
        self.can_be_scheduled = timetable.can_be_scheduled

    @property
    def summary(self) -> str:
        return f"{_name()} or {self.timetable.summary}"

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        last = last_automated_data_interval
        return self.timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)

    def infer_manual_data_interval(self, *, run_after: Any) -> DataInterval:
        return self.timetable.infer_manual_data_interval(run_after=run_after)

    def _known_wire(self, zone: str) -> dict[str, Any]:
        return {**super()._known_wire(zone), "time": self.timetable.to_wire(zone)}


def _name() -> str:
    """What people call an asset."""
    return "Dataset" if generation() < 3 else "Asset"


def as_condition(assets: Any) -> BaseAsset:
    """One asset expression; of several assets all must be updated. Raises AirflowTimetableInvalid."""
    if isinstance(assets, BaseAsset):
        return assets
    if isinstance(assets, (list, tuple, set, frozenset)) and all(isinstance(x, BaseAsset) for x in assets):
        return AssetAll(*assets)
    raise AirflowTimetableInvalid(
        f"cannot schedule by {assets!r}: assets, references to assets, and aliases are what a schedule is made of"
    )
