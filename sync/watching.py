"""Listening to a store that tells of changes, in a thread of its own. One that does not is asked again now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from sync.objects import ObjectStore, ObjectStoreError

_AGAIN_SECONDS = 2.0
_SILENCE = 25.0
"""Seconds for which a store is believed to go on telling after its last word."""
_log = logging.getLogger(__name__)


class Ears:
    """Wakes somebody when something below a prefix has changed. `find_store`: the client to listen by now."""

    def __init__(self, find_store: Callable[[], ObjectStore], prefix: str, wake: Callable[[], None]) -> None:
        self._find_store = find_store
        self._prefix = prefix
        self._wake = wake
        self._stopping = threading.Event()
        self._heard_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="mirror-watch", daemon=True)

    def start(self) -> None:
        """Listen for ever."""
        self._thread.start()

    def stop(self) -> None:
        """No more waking; the thread ends with the next word of the store."""
        self._stopping.set()

    def hears(self) -> bool:
        """Whether the store would tell of a change now."""
        return self._heard_at is not None and time.monotonic() - self._heard_at < _SILENCE

    def _run(self) -> None:
        while not self._stopping.is_set():
            store = self._find_store()
            try:
                store.watch(self._prefix, self._hear, partial(self._is_past, store))
            except ObjectStoreError as error:
                _log.debug("not told of changes for now: %s", error.message)
            except Exception:
                _log.exception("cannot listen for changes; looking goes on")
            if self._heard_at is not None and not self._stopping.is_set():
                self._heard_at = None
                self._wake()  # it fell silent: whoever looks finds out why
            self._stopping.wait(_AGAIN_SECONDS)

    def _hear(self, changed: bool) -> None:
        """Nobody told of what changed before the first word: look once more then."""
        first, self._heard_at = self._heard_at is None, time.monotonic()
        if (changed or first) and not self._stopping.is_set():
            self._wake()

    def _is_past(self, store: ObjectStore) -> bool:
        return self._stopping.is_set() or self._find_store() is not store
