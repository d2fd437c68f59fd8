"""What the edge counts about itself, in Prometheus's terms."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


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
