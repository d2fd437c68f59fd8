"""Callers that ask too often are told so, and when to come again. Counted per caller and operation, in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from control_plane.bounded import Bounded
from control_plane.domain.errors import Code, ServiceError
from control_plane.domain.throttle import Bucket, Rates, take

_KEPT = 20_000


@dataclass(slots=True)
class Throttle:
    """The buckets of one edge. Of too many, those that were used longest ago are full again."""

    rates: Rates
    monotonic: Callable[[], float]
    _buckets: Bounded[tuple[str, str], Bucket] = field(default_factory=lambda: Bounded(_KEPT))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, operation: str, caller: str) -> None:
        """Count one call. Raises ServiceError(THROTTLING)."""
        rate = self.rates.find(operation)
        if rate is None:
            return
        key = (caller, operation)
        with self._lock:
            bucket, wait = take(self._buckets.find(key), rate, self.monotonic())
            self._buckets.put(key, bucket)
        if wait > 0:
            words = f"Rate exceeded: {operation} may be called {rate.per_second:g} times a second"
            raise ServiceError(Code.THROTTLING, words, retry_after=wait)
