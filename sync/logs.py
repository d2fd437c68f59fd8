"""Task logs on their way to the object store: append here, read anywhere.

    append --> local file (whole until confirmed) --> <prefix>/<key>/part-00001.log, part-00002.log ...

A part goes when it is 4 s old or 256 KiB large, and a finished log as soon as there is time for it. Parts are
written once (If-None-Match), so a crash at any moment leaves nothing twice. While the store is away logs stay
here, up to a cap.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sync.log_reading import LogNotFound, iter_log, read_log
from sync.log_shipping import Shipper
from sync.log_spool import Spool
from sync.objects import ObjectStore, ObjectStoreError

__all__ = ["Lag", "LogNotFound", "LogStore", "iter_log", "read_log"]


@dataclass(frozen=True, slots=True)
class Lag:
    """How far shipping is behind."""

    logs: int
    """Logs with bytes that are not shipped."""
    pending_bytes: int
    oldest_seconds: float
    """Age of the oldest byte that is not shipped."""
    error: ObjectStoreError | None
    """Why the last try failed; None while all is well."""


def mark_dropped(count: int) -> bytes:
    """The line that stands where bytes of a log found no room."""
    return f"\n[{count} bytes of this log are missing here: there was no room to keep them]\n".encode()


class LogStore:
    """The logs that one process writes. `append` and `close` belong to one thread; everything else to any.

    Nothing is lost when the process is killed: the next one's `start` ships what is still in the directory.
    """

    def __init__(
        self,
        directory: Path,
        store_options: dict[str, Any] | ObjectStore,
        *,
        part_bytes: int = 256 * 1024,
        part_seconds: float = 4.0,
        cap_bytes: int = 1 << 30,
        mark_dropped: Callable[[int], bytes] = mark_dropped,
    ) -> None:
        """`store_options`: arguments for `open_store`, opened by the first upload and not before."""
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._spool = Spool(directory, cap_bytes, mark_dropped)
        self._shipper = Shipper(self._spool, store_options, part_bytes, part_seconds)

    def append(self, key: str, data: bytes) -> None:
        """Add to a log. Full disks and full spools drop bytes and mark the place; they never raise."""
        self._spool.append(key, data)
        self._shipper.notice()

    def close(self, key: str) -> None:
        """The log is finished: ship it soon and then remove the local file. Closing twice is no error."""
        self._spool.close(key)
        self._shipper.notice()

    def use(self, store_options: dict[str, Any] | ObjectStore) -> None:
        """Ship by these from the next part on: credentials were renewed, say."""
        self._shipper.use(store_options)

    def start(self) -> None:
        """Begin to ship, leftovers of an earlier process first."""
        self._shipper.start()

    def stop(self, timeout: float = 10.0) -> bool:
        """Ship what is left; True when nothing is. What could not go stays for the next process."""
        self._shipper.stop(timeout)
        self._spool.close_files()
        return self._spool.pending == 0

    def lag(self) -> Lag:
        logs = self._spool.list_unshipped()
        oldest = min((log.since for log in logs), default=None)
        age = 0.0 if oldest is None else max(0.0, time.monotonic() - oldest)
        return Lag(len(logs), self._spool.pending, age, self._shipper.error)
