"""The audit trail as requests write it: changes and refusals before anything is done, reads together, a bit later."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from control_plane.domain.throttle import Bucket, Rate, take
from control_plane.store import audit
from control_plane.store.audit import Entry
from control_plane.store.database import ServiceDatabase

_log = logging.getLogger(__name__)
_DELAY = 0.5
_STRANGERS = Rate(5, 100)
_TOGETHER, _KEPT = 500, 20_000


@dataclass(slots=True)
class Trail:
    """Rows in the order of the decisions. A kill -9 may lose reads of the last half second, never a change."""

    db: ServiceDatabase
    reads: bool = True
    """Whether calls that only read are kept too."""
    _waiting: list[Entry] = field(default_factory=list)
    _timer: threading.Timer | None = None
    _strangers: Bucket | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, entry: Entry) -> None:
        """Keep a decision, and all that wait; returns when they are on disk."""
        waiting = self._take()
        try:
            self._write([*waiting, entry])
        except SQLAlchemyError:
            self._put_back(waiting)
            raise

    def put_soon(self, entry: Entry) -> None:
        """Keep the decision about a read within half a second. Whoever fills the queue empties it."""
        if self.reads:
            self._queue(entry)

    def put_stranger(self, entry: Entry) -> None:
        """Keep that somebody unknown was refused; of a flood only a few a second, for whoever floods pays nothing."""
        with self._lock:
            self._strangers, wait = take(self._strangers, _STRANGERS, time.monotonic())
        if wait == 0:
            self._queue(entry)

    def _queue(self, entry: Entry) -> None:
        with self._lock:
            self._waiting.append(entry)
            full = len(self._waiting) >= _TOGETHER
            if self._timer is None:
                self._timer = threading.Timer(_DELAY, self.flush)
                self._timer.daemon = True
                self._timer.start()
        if full:
            self.flush()

    def flush(self) -> None:
        """Write all that wait. What the database does not take waits for the next time, as far as there is room."""
        waiting = self._take()
        try:
            self._write(waiting)
        except SQLAlchemyError:
            _log.exception("audit rows wait", extra={"rows": len(waiting)})
            self._put_back(waiting)

    def _write(self, entries: list[Entry]) -> None:
        if entries:
            with self.db.begin() as conn:
                audit.append(conn, *entries)

    def _put_back(self, entries: list[Entry]) -> None:
        with self._lock:
            self._waiting = [*entries, *self._waiting][-_KEPT:]

    def _take(self) -> list[Entry]:
        with self._lock:
            taken, self._waiting = self._waiting, []
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        return taken
