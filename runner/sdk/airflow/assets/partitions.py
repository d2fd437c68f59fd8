"""How the partition key of an asset's event leads to the runs of a DAG that waits for partitions.

What these classes decide is worked out by `_wire.partitions`, for the engine and for DAG files alike. A mapper, window
or policy of the user's own would be code that the engine does not run: a timetable refuses it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from airflow._wire import partitions
from airflow.assets.partition_windows import WaitForAll, WaitPolicy, Window
from airflow.exceptions import AirflowTimetableInvalid
from airflow.utils.timezone import parse_timezone, zone_name


class PartitionMapper:
    """What a key of an event means to a DAG. `max_downstream_keys`: more keys than these make no runs at all."""

    is_rollup: ClassVar[bool] = False
    expected_decoded_type: ClassVar[type] = str

    def __init__(self, *, max_downstream_keys: int | None = None) -> None:
        most = max_downstream_keys
        if most is not None and (not isinstance(most, int) or most < 1):
            raise ValueError(f"max_downstream_keys must be a positive integer or None, got {most!r}")
        self.max_downstream_keys = most

    def to_wire(self) -> dict[str, Any]:
        """The serialised form. Raises AirflowTimetableInvalid for a class of the user's own."""
        data = self._wire()
        return data if self.max_downstream_keys is None else {**data, "most": self.max_downstream_keys}

    def _wire(self) -> dict[str, Any]:
        raise AirflowTimetableInvalid(
            f"cannot schedule with the partition mapper {type(self).__name__}: only those of airflow.sdk are known here"
        )

    def to_downstream(self, key: str) -> Any:
        """The key, or the keys, that a key leads to. Raises ValueError for one that does not fit."""
        keys = partitions.list_downstream(self.to_wire(), key)
        return keys[0] if len(keys) == 1 else keys

    def decode_downstream(self, downstream_key: str) -> Any:
        """What a window begins with: the key itself, or the start of the period that it names."""
        return partitions.decode(self.to_wire(), downstream_key)

    def to_partition_date(self, downstream_key: str) -> dt.datetime | None:
        """When the partition of this name begins, if its name says so."""
        return partitions.find_date(self.to_wire(), downstream_key)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(type(self))


class IdentityMapper(PartitionMapper):
    """The same key."""

    def _wire(self) -> dict[str, Any]:
        return {"kind": "identity"}


class AllowedKeyMapper(PartitionMapper):
    """The same key, if it is one of these."""

    def __init__(self, allowed_keys: list[str], *, max_downstream_keys: int | None = None) -> None:
        super().__init__(max_downstream_keys=max_downstream_keys)
        self.allowed_keys = allowed_keys

    def _wire(self) -> dict[str, Any]:
        return {"kind": "allowed", "keys": [str(key) for key in self.allowed_keys]}


class FixedKeyMapper(PartitionMapper):
    """One key for all."""

    def __init__(self, downstream_key: str, *, max_downstream_keys: int | None = None) -> None:
        super().__init__(max_downstream_keys=max_downstream_keys)
        if not downstream_key or not isinstance(downstream_key, str):
            raise ValueError(
                f"FixedKeyMapper downstream_key must be a non-empty str; got {downstream_key!r}."
            )
        self.downstream_key = downstream_key

    def _wire(self) -> dict[str, Any]:
        return {"kind": "fixed", "key": self.downstream_key}


class _Composed(PartitionMapper):
    def __init__(
        self, mapper0: PartitionMapper, mapper1: PartitionMapper, /, *mappers: PartitionMapper, **options: Any
    ) -> None:
        super().__init__(**options)
        self.mappers = [mapper0, mapper1, *mappers]


class ProductMapper(_Composed):
    """A key of several parts, each with a mapper of its own."""

    def __init__(
        self,
        mapper0: PartitionMapper,
        mapper1: PartitionMapper,
        /,
        *mappers: PartitionMapper,
        delimiter: str = "|",
        max_downstream_keys: int | None = None,
    ) -> None:
        super().__init__(mapper0, mapper1, *mappers, max_downstream_keys=max_downstream_keys)
        self.delimiter = delimiter

    def _wire(self) -> dict[str, Any]:
        parts = [mapper.to_wire() for mapper in self.mappers]
        return {"kind": "product", "mappers": parts, "delimiter": self.delimiter}


class ChainMapper(_Composed):
    """One mapper after the other."""

    def _wire(self) -> dict[str, Any]:
        return {"kind": "chain", "mappers": [mapper.to_wire() for mapper in self.mappers]}


class _BaseTemporalMapper(PartitionMapper):
    """The period that a moment lies in. Keys are read by `input_format` in `timezone`, written by `output_format`."""

    expected_decoded_type: ClassVar[type] = dt.datetime
    period: ClassVar[str] = ""

    def __init__(
        self,
        *,
        timezone: str | dt.tzinfo = "UTC",
        input_format: str = partitions.INPUT,
        output_format: str | None = None,
        max_downstream_keys: int | None = None,
    ) -> None:
        super().__init__(max_downstream_keys=max_downstream_keys)
        self.input_format = input_format
        self.output_format = output_format or partitions.PERIODS[self.period]
        self._timezone = parse_timezone(timezone) if isinstance(timezone, str) else timezone
        if self.period in ("week", "quarter"):
            partitions.compile_format(self.output_format)

    def _wire(self) -> dict[str, Any]:
        zone = {"timezone": zone_name(self._timezone)}
        if not self.period:
            return super()._wire()
        return {"kind": self.period, "input": self.input_format, "output": self.output_format, **zone}


class StartOfHourMapper(_BaseTemporalMapper):
    """2024-03-13T10:42:15 -> 2024-03-13T10"""

    period = "hour"


class StartOfDayMapper(_BaseTemporalMapper):
    """2024-03-13T10:42:15 -> 2024-03-13"""

    period = "day"


class StartOfWeekMapper(_BaseTemporalMapper):
    """2024-03-13T10:42:15 -> 2024-03-11 (W11)"""

    period = "week"


class StartOfMonthMapper(_BaseTemporalMapper):
    """2024-03-13T10:42:15 -> 2024-03"""

    period = "month"


class StartOfQuarterMapper(_BaseTemporalMapper):
    """2024-03-13T10:42:15 -> 2024-Q1"""

    period = "quarter"


class StartOfYearMapper(_BaseTemporalMapper):
    """2024-03-13T10:42:15 -> 2024"""

    period = "year"


class RollupMapper(PartitionMapper):
    """Many keys make one: a run begins when those of its window came, as far as the policy wants them."""

    is_rollup: ClassVar[bool] = True

    def __init__(
        self,
        *,
        upstream_mapper: PartitionMapper,
        window: Window,
        wait_policy: WaitPolicy | None = None,
        max_downstream_keys: int | None = None,
    ) -> None:
        super().__init__(max_downstream_keys=max_downstream_keys)
        self.upstream_mapper, self.window = upstream_mapper, window
        self.wait_policy = wait_policy or WaitForAll()
        wanted, given = window.expected_decoded_type, upstream_mapper.expected_decoded_type
        if wanted is not given:
            raise TypeError(
                f"cannot roll up with {type(window).__name__} and {type(upstream_mapper).__name__}: the one is made of "
                f"{wanted.__name__}, the other gives {given.__name__}"
            )

    def _wire(self) -> dict[str, Any]:
        upstream, window, wait = (
            self.upstream_mapper.to_wire(),
            self.window.to_wire(),
            self.wait_policy.to_wire(),
        )
        return {"kind": "rollup", "upstream": upstream, "window": window, "wait": wait}

    def to_upstream(self, downstream_key: str) -> frozenset[str]:
        """The keys that a run with this key waits for."""
        return partitions.list_upstream(self.to_wire(), downstream_key)


class FanOutMapper(PartitionMapper):
    """One key makes many: a run for each member of its window, named by `downstream_mapper`."""

    default_downstream_mapper_by_window_name: ClassVar[dict[str, type[_BaseTemporalMapper]]] = {
        "DayWindow": StartOfHourMapper,
        "WeekWindow": StartOfDayMapper,
        "MonthWindow": StartOfDayMapper,
        "QuarterWindow": StartOfMonthMapper,
        "YearWindow": StartOfMonthMapper,
    }

    def __init__(
        self,
        *,
        upstream_mapper: PartitionMapper,
        window: Window,
        downstream_mapper: PartitionMapper | None = None,
        max_downstream_keys: int | None = None,
    ) -> None:
        super().__init__(max_downstream_keys=max_downstream_keys)
        self.upstream_mapper, self.window = upstream_mapper, window
        if downstream_mapper is None:
            usual = self.default_downstream_mapper_by_window_name.get(type(window).__name__)
            if usual is None:
                raise ValueError(
                    f"cannot fan out by {type(window).__name__}: say how its members are named (downstream_mapper)"
                )
            downstream_mapper = usual()
        self.downstream_mapper = downstream_mapper

    def _wire(self) -> dict[str, Any]:
        upstream, downstream = self.upstream_mapper.to_wire(), self.downstream_mapper.to_wire()
        window = self.window.to_wire()
        return {"kind": "fan_out", "upstream": upstream, "window": window, "downstream": downstream}
