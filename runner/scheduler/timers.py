"""What is to happen at a time: one heap. An entry that is out of date when it falls due is for its reader to notice."""

from __future__ import annotations

import heapq
from enum import IntEnum


class Kind(IntEnum):
    """What falls due; the key says of which."""

    TASK = 0
    RUN = 1
    CREATION = 2


class Timers:
    """Entries by time."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, Kind, int]] = []

    def add(self, at: float, kind: Kind, key: int = 0) -> None:
        """Let something fall due."""
        heapq.heappush(self._heap, (at, kind, key))

    def pop_due(self, now: float) -> list[tuple[Kind, int]]:
        """What has fallen due, taken out, each once."""
        due: dict[tuple[Kind, int], None] = {}
        while self._heap and self._heap[0][0] <= now:
            _, kind, key = heapq.heappop(self._heap)
            due[kind, key] = None
        return list(due)

    def find_delay(self, now: float) -> float | None:
        """Seconds until something falls due; None when nothing will."""
        return max(0.0, self._heap[0][0] - now) if self._heap else None
