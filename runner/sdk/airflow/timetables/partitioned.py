"""Timetables whose runs are each about one partition: it has a key, and often a date, instead of a data interval."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from airflow.assets.partitions import IdentityMapper, PartitionMapper
from airflow.assets.wire import list_leaves
from airflow.timetables.assets import AssetTriggeredTimetable, as_condition
from airflow.timetables.simple import NullTimetable
from airflow.timetables.trigger import CronTriggerTimetable

KEY_FORMAT = "%Y-%m-%dT%H:%M:%S"


class CronPartitionTimetable(CronTriggerTimetable):
    """A run at every tick of a cron expression, for the partition of that tick or, with `run_offset`, of one so many
    ticks later or earlier. `key_format` makes the key of the partition's date, in `timezone`.
    """

    partitioned: ClassVar[bool] = True

    def __init__(
        self,
        cron: str,
        *,
        timezone: str | dt.tzinfo,
        run_offset: int | None = None,
        run_immediately: bool | dt.timedelta = False,
        key_format: str = KEY_FORMAT,
    ) -> None:
        super().__init__(cron, timezone=timezone, run_immediately=run_immediately)
        if run_offset is not None and not isinstance(run_offset, int):
            raise ValueError("Run offset other than integer not supported yet.")
        self._run_offset, self._key_format = run_offset or 0, key_format

    def _known_wire(self, zone: str) -> dict[str, Any]:
        partition = {"offset": self._run_offset, "format": self._key_format}
        return {**super()._known_wire(zone), "partition": partition}

    def serialize(self) -> dict[str, Any]:
        return {**super().serialize(), "run_offset": self._run_offset, "key_format": self._key_format}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> CronPartitionTimetable:
        given = {name: data[name] for name in ("timezone", "run_offset", "run_immediately", "key_format")}
        return cls(data["expression"], **given)


class PartitionedAtRuntime(NullTimetable):
    """Runs only when somebody asks; tasks say what partitions they made (`outlet_events[asset].add_partitions`)."""

    partitioned_at_runtime: ClassVar[bool] = True
    summary = "PartitionedAtRuntime"
    description = "Never, partition key(s) set at runtime"

    def _known_wire(self, zone: str) -> dict[str, Any]:
        return {**super()._known_wire(zone), "at_runtime": True}


class PartitionedAssetTimetable(AssetTriggeredTimetable):
    """A run for each partition key for which the condition over assets is met. A mapper says what an event's key means
    here: that of its asset in `partition_mapper_config`, or the default.
    """

    partitioned: ClassVar[bool] = True

    def __init__(
        self,
        *,
        assets: Any,
        partition_mapper_config: dict[Any, PartitionMapper] | None = None,
        default_partition_mapper: PartitionMapper | None = None,
    ) -> None:
        super().__init__(assets)
        self.partition_mapper_config: dict[Any, PartitionMapper] = dict(partition_mapper_config or {})
        self.default_partition_mapper: PartitionMapper = default_partition_mapper or IdentityMapper()

    @property
    def summary(self) -> str:
        return "Partitioned Asset"

    def _known_wire(self, zone: str) -> dict[str, Any]:
        by: dict[str, dict[str, Any]] = {"name": {}, "uri": {}}
        for assets, mapper in self.partition_mapper_config.items():
            for leaf in _list_assets(assets):
                for part, known in by.items():
                    if getattr(leaf, part, None):
                        known[getattr(leaf, part)] = mapper.to_wire()
        return {
            **super()._known_wire(zone),
            "partitions": {"default": self.default_partition_mapper.to_wire(), **by},
        }

    def get_partition_mapper(self, *, name: str = "", uri: str = "") -> PartitionMapper:
        """The mapper of an asset."""
        for assets, mapper in self.partition_mapper_config.items():
            for leaf in _list_assets(assets):
                if (name and getattr(leaf, "name", None) == name) or (
                    not name and uri == getattr(leaf, "uri", None)
                ):
                    return mapper
        return self.default_partition_mapper


def _list_assets(item: Any) -> list[Any]:
    """The leaves of what a mapper is configured for. Raises AirflowTimetableInvalid for what is no asset."""
    parts = getattr(as_condition(item), "objects", None)
    if parts is None:
        return list_leaves(item)
    return [leaf for part in parts for leaf in _list_assets(part)]
