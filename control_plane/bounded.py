"""A dictionary that never outgrows its bound: of too many entries, the one that was used longest ago goes."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """At most so many entries; for any threads. What is lost must be known elsewhere, or not matter any more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[K, V] = {}
        self._lock = threading.Lock()

    def find(self, key: K) -> V | None:
        """The entry, which counts as used; None when there is none."""
        with self._lock:
            value = self._kept.pop(key, None)
            if value is not None:
                self._kept[key] = value
            return value

    def put(self, key: K, value: V) -> None:
        """Keep an entry, as the one that was used last."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = value
            if len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]

    def drop(self, key: K) -> None:
        """Forget an entry; none is no error."""
        with self._lock:
            self._kept.pop(key, None)
