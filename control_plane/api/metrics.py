"""What the edge counts about itself, in Prometheus's terms."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from control_plane.operations.published import Series

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PUBLISHED = "aerodrome_published_metric"


class Metrics:
    """The counters of one edge; labels come from our own tables, never from what a client sent."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "aerodrome_requests",
            "Requests answered",
            ["operation", "status", "error"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "aerodrome_request_seconds",
            "Time to the answer",
            ["operation"],
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def count(self, operation: str, status: int, error: str, seconds: float) -> None:
        """One request more."""
        self._requests.labels(operation, str(status), error).inc()
        self._seconds.labels(operation).observe(seconds)

    def render(self) -> bytes:
        """The text format."""
        return generate_latest(self.registry)


def render_published(told: Iterable[tuple[Series, float]]) -> bytes:
    """What PublishMetrics brought: one gauge, the client's own names as values of its labels."""
    gauge = GaugeMetricFamily(
        _PUBLISHED,
        "The last value given to PublishMetrics",
        labels=["environment", "name", "dimensions", "unit"],
    )
    for series, value in told:
        dimensions = ",".join(f"{key}={one}" for key, one in series.dimensions)
        gauge.add_metric([series.environment, series.name, dimensions, series.unit], value)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Fixed([gauge] if gauge.samples else []))
    return generate_latest(registry)


class _Fixed(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
