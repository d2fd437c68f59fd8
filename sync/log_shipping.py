"""The shipping side of task logs: what to send when (pure), and the thread that sends it.

Shipping must not take the machine from the tasks: while logs are being written, only what is due goes, one
part at a time with a rest after each; when the writing pauses, or shipping has fallen behind, up to four
go.
"""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sync.log_files import part_key, part_number
from sync.log_reading import list_parts
from sync.log_spool import Log, Spool
from sync.objects import ObjectInfo, ObjectStore, ObjectStoreError, open_store

IN_FLIGHT = 4
KEEP_SECONDS = 10.0
"""How long a finished local file stays after its last part: readers come mostly right after the end."""
_LARGEST_PART = 1 << 20
_QUIET_SECONDS = 0.25
_TICK_SECONDS = 0.1
_LONGEST_BACKOFF = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How eagerly to ship: thresholds of a part, and whether anybody is writing just now."""

    part_bytes: int
    part_seconds: float
    quiet: bool
    flush: bool = False
    """Ship everything, finished or not: the store is closing."""


def plan_parts(logs: Iterable[Log], pace: Pace, now: float) -> list[Log]:
    """The logs that have a part to send, those that failed least and wait longest first. Pure."""
    due = [log for log in logs if log.pending and _is_due(log, pace, now)]
    return sorted(due, key=lambda log: (log.failures, log.since))


def _is_due(log: Log, pace: Pace, now: float) -> bool:
    if pace.flush or log.pending >= pace.part_bytes or now - log.since >= pace.part_seconds:
        return True
    return log.closed and pace.quiet


def match_parts(
    parts: Iterable[ObjectInfo], written: int, digest: Callable[[int, int], str]
) -> tuple[int, int]:
    """How much of a local file the store's parts hold already: (bytes, number of the last part).

    `digest(start, size)` is the MD5 of a piece of the file. Parts that are not pieces of it belong to an
    earlier log of the same key; they stay, and ours come after them.
    """
    at = last = 0
    for part in parts:
        last = part_number(part.key) or last
        if part.size <= written - at and (len(part.etag) != 32 or digest(at, part.size) == part.etag):
            at += part.size
    return at, last


class Shipper:
    """The thread that ships. It ends only when told to; a failing store makes it wait and try again."""

    def __init__(
        self, spool: Spool, store: ObjectStore | dict[str, Any], part_bytes: int, part_seconds: float
    ) -> None:
        self._spool = spool
        self._store = store
        self._part_bytes = part_bytes
        self._part_seconds = part_seconds
        self._wake = threading.Event()
        self._idle = False
        self._stop_at: float | None = None
        self._failures = 0
        self.error: ObjectStoreError | None = None
        self._thread = threading.Thread(target=self._run, name="log-shipper", daemon=True)

    def use(self, store: ObjectStore | dict[str, Any]) -> None:
        self._store = store
        self._wake.set()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Send what is left, for at most `timeout` seconds."""
        self._stop_at = time.monotonic() + timeout
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout + 1)

    def notice(self) -> None:
        """Something was written. Costs next to nothing while the thread is not asleep for good."""
        if self._idle:
            self._wake.set()

    def _run(self) -> None:
        self._spool.find_leftovers()
        with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="log-shipper") as workers:
            while True:
                try:
                    rest = self._turn(workers)
                except Exception:
                    _log.exception("cannot ship task logs just now; trying again")
                    rest = _LONGEST_BACKOFF
                if self._is_over():
                    self._release(self._spool.list_logs(), time.monotonic())
                    return
                self._sleep(rest)

    def _is_over(self) -> bool:
        if self._stop_at is None:
            return False
        return not self._spool.pending or time.monotonic() >= self._stop_at

    def _sleep(self, seconds: float) -> None:
        stopping = self._stop_at
        if stopping is not None:
            seconds = min(seconds, max(0.0, stopping - time.monotonic()))
            time_up = threading.Event()  # `wake` stays set once stopping, so it cannot measure a rest
            time_up.wait(seconds)
            return
        self._wake.wait(seconds)
        self._wake.clear()

    def _turn(self, workers: ThreadPoolExecutor) -> float:
        """Ship one batch; the seconds until the next look."""
        now = time.monotonic()
        logs = self._spool.list_logs()
        self._release(logs, now)
        quiet = now - self._spool.last_write >= _QUIET_SECONDS
        pace = Pace(self._part_bytes, self._part_seconds, quiet, flush=self._stop_at is not None)
        due = plan_parts(logs, pace, now)
        if not due:
            return self._pause(logs)
        behind = now - min(log.since for log in due) > self._part_seconds
        hurry = (pace.quiet or behind or pace.flush) and not self._failures
        batch = due[: IN_FLIGHT if hurry else 1]
        outcomes = list(workers.map(self._ship, batch)) if len(batch) > 1 else [self._ship(batch[0])]
        self._learn(batch, outcomes)
        if self._failures:
            longest: float = min(_LONGEST_BACKOFF, 0.25 * 2 ** min(self._failures, 10))
            return random.uniform(0.5, 1.0) * longest  # noqa: S311 - jitter, not a secret
        return 0.0 if hurry else time.monotonic() - now

    def _pause(self, logs: list[Log]) -> float:
        """Nothing is due: until the next part may be; for good when nothing is on its way."""
        if self._spool.pending:
            return _TICK_SECONDS
        if any(log.closed for log in logs):
            return 1.0
        self._idle = True
        try:
            if not self._spool.pending and self._stop_at is None:
                self._wake.wait()
                self._wake.clear()
        finally:
            self._idle = False
        return 0.0

    def _release(self, logs: list[Log], now: float) -> None:
        keep = 0.0 if self._stop_at is not None else KEEP_SECONDS
        for log in logs:
            if log.closed and not log.pending and (log.continues or now - log.since >= keep):
                self._spool.release(log)

    def _learn(self, batch: list[Log], outcomes: list[ObjectStoreError | None]) -> None:
        failed = [error for error in outcomes if error is not None]
        for log, error in zip(batch, outcomes, strict=True):
            log.failures += error is not None
        if len(failed) < len(batch):
            if self.error is not None:
                _log.info("task logs are being shipped again")
            self._failures, self.error = 0, None
            return
        if self.error is None:
            _log.warning("task logs stay on this machine for now: %s", failed[0])
        self._failures += 1
        self.error = failed[0]

    def _ship(self, log: Log) -> ObjectStoreError | None:
        """Send the next part of a log. What went wrong is returned: one log must not stop the others."""
        try:
            self._send(log, self._open())
        except FileNotFoundError:
            _log.warning("the local file of the log %s is gone; what was not shipped of it is lost", log.key)
            self._spool.forget(log)
        except ObjectStoreError as error:
            return error
        except OSError as error:
            return ObjectStoreError("unreachable", f"cannot read the local log {log.path}: {error}")
        return None

    def _open(self) -> ObjectStore:
        """The store; opened by whoever needs it first."""
        given = self._store
        if not isinstance(given, dict):
            return given
        opened = open_store(**given)
        if self._store is given:  # else another was named meanwhile: the next part goes there
            self._store = opened
        return opened

    def _send(self, log: Log, store: ObjectStore) -> None:
        if log.parts is None:
            self._resume(log, store)
        until, start = time.monotonic(), log.shipped
        size = min(log.pending, max(_LARGEST_PART, self._part_bytes))
        data = self._spool.read(log, start, size)
        if not data:
            return
        number = (log.parts or 0) + 1
        try:
            store.put(part_key(log.key, number), data, if_none_match=True)
        except ObjectStoreError as error:
            if error.code != "changed":
                raise
            # The part is there: sent before a crash, or of an earlier log of this key.
            self._resume(log, store)
            if (log.shipped, log.parts) == (start, number - 1):
                raise
            return
        self._spool.confirm(log, start + len(data), number, until)

    def _resume(self, log: Log, store: ObjectStore) -> None:
        def digest(start: int, size: int) -> str:
            return hashlib.md5(self._spool.read(log, start, size), usedforsecurity=False).hexdigest()

        shipped, last = match_parts(list_parts(store, log.key), log.written, digest)
        log.continues = last > 0 and not shipped
        self._spool.confirm(log, shipped, last, log.since)
