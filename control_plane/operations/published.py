"""PublishMetrics: what containers of an environment told about themselves; our metrics page shows the last of each."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

_SERIES = 1000


@dataclass(frozen=True, slots=True)
class Series:
    """One thing that is measured."""

    environment: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str


@dataclass(slots=True)
class Published:
    """The last value of every series. Bounded: of too many, those that were told longest ago are forgotten."""

    _values: dict[Series, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, environment: str, data: list[Mapping[str, Any]]) -> None:
        """Keep what was told; a datum without a finite value is dropped."""
        with self._lock:
            for datum in data:
                value = _value_of(datum)
                if value is None:
                    continue
                series = _series_of(environment, datum)
                self._values.pop(series, None)
                self._values[series] = value
            for oldest in list(self._values)[: max(0, len(self._values) - _SERIES)]:
                del self._values[oldest]

    def list_of(self, environments: Collection[str]) -> list[tuple[Series, float]]:
        """What is known of environments; what is known of others is forgotten: they are gone."""
        with self._lock:
            self._values = {key: one for key, one in self._values.items() if key.environment in environments}
            return list(self._values.items())


def _series_of(environment: str, datum: Mapping[str, Any]) -> Series:
    listed = datum.get("Dimensions") or []
    dimensions = sorted((one["Name"], one["Value"]) for one in listed)
    return Series(environment, datum["MetricName"], tuple(dimensions), datum.get("Unit") or "None")


def _value_of(datum: Mapping[str, Any]) -> float | None:
    """The value, or the mean of a set of them."""
    value = datum.get("Value")
    statistics = datum.get("StatisticValues") or {}
    count, total = statistics.get("SampleCount"), statistics.get("Sum")
    if value is None and total is not None and count:
        value = total / count
    return float(value) if value is not None and math.isfinite(value) else None
