"""The shipping side of task logs: what to send when (pure), and the thread that sends it.

Shipping must not take the machine from the tasks: while logs are being written, only what is due goes, one
request at a time with a rest after each; when the writing pauses, or shipping has fallen behind, up to four
go at once. A request has a part of one log, or of many where the store takes many together.
"""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
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
_LARGEST_REQUEST = 2 << 20
"""From here on no further log joins a request."""
_QUIET_SECONDS = 0.25
_TICK_SECONDS = 0.1
_LONGEST_BACKOFF = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a log, ready to be sent. `until`: what is written later than this is not among them."""

    log: Log
    number: int
    start: int
    data: bytes
    until: float


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
                    self._spool.release_finished(0.0, time.monotonic())
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
        keep = 0.0 if self._stop_at is not None else KEEP_SECONDS
        self._spool.release_finished(keep, now)
        quiet = now - self._spool.last_write >= _QUIET_SECONDS
        pace = Pace(self._part_bytes, self._part_seconds, quiet, flush=self._stop_at is not None)
        due = plan_parts(self._spool.list_unshipped(), pace, now)
        if not due:
            return self._pause()
        behind = now - min(log.since for log in due) > self._part_seconds
        hurry = (pace.quiet or behind or pace.flush) and not self._failures
        groups = self._group(due, IN_FLIGHT if hurry else 1)
        outcomes = list(workers.map(self._ship, groups)) if len(groups) > 1 else [self._ship(groups[0])]
        self._learn([outcome for group in outcomes for outcome in group.items()])
        if self._failures:
            longest: float = min(_LONGEST_BACKOFF, 0.25 * 2 ** min(self._failures, 10))
            return random.uniform(0.5, 1.0) * longest  # noqa: S311 - jitter, not a secret
        return 0.0 if hurry else time.monotonic() - now

    def _pause(self) -> float:
        """Nothing is due: until the next part may be; for good when nothing is on its way."""
        if self._spool.pending:
            return _TICK_SECONDS
        if self._spool.has_finished:
            return 1.0
        self._idle = True
        try:
            if not self._spool.pending and self._stop_at is None:
                self._wake.wait()
                self._wake.clear()
        finally:
            self._idle = False
        return 0.0

    def _group(self, due: Sequence[Log], requests: int) -> list[Sequence[Log]]:
        """The logs of at most so many requests; while a store fails, it is tried with one."""
        most = 1 if self._failures else self._open().most_together()
        return [due[at : at + most] for at in range(0, min(len(due), requests * most), most)]

    def _learn(self, outcomes: list[tuple[Log, ObjectStoreError | None]]) -> None:
        failed = [error for _log, error in outcomes if error is not None]
        for log, error in outcomes:
            log.failures += error is not None
        if len(failed) < len(outcomes):
            if self.error is not None:
                _log.info("task logs are being shipped again")
            self._failures, self.error = 0, None
            return
        if self.error is None:
            _log.warning("task logs stay on this machine for now: %s", failed[0])
        self._failures += 1
        self.error = failed[0]

    def _ship(self, logs: Sequence[Log]) -> dict[Log, ObjectStoreError | None]:
        """Send the next part of each in one request. What went wrong is returned: one log must not stop the others."""
        outcomes: dict[Log, ObjectStoreError | None] = {}
        parts: list[Part] = []
        store, size = self._open(), 0
        for log in logs:
            part = self._try(log, lambda log=log: self._cut(log, store))  # type: ignore[misc]
            if isinstance(part, Part):
                parts.append(part)
                size += len(part.data)
            else:
                outcomes[log] = part
            if size >= _LARGEST_REQUEST:
                break
        errors: Sequence[ObjectStoreError | None]
        try:
            errors = store.put_new([(part_key(one.log.key, one.number), one.data) for one in parts])
        except ObjectStoreError as error:
            errors = [error] * len(parts)
        for part, why in zip(parts, errors, strict=True):
            outcomes[part.log] = self._settle(part, why, store)
        return outcomes

    def _try(self, log: Log, act: Callable[[], Part | None]) -> Part | ObjectStoreError | None:
        """Do something that reads a log's file and its parts; what went wrong is the answer."""
        try:
            return act()
        except FileNotFoundError:
            _log.warning("the local file of the log %s is gone; what was not shipped of it is lost", log.key)
            self._spool.forget(log)
        except ObjectStoreError as error:
            return error
        except OSError as error:
            return ObjectStoreError("unreachable", f"cannot read the local log {log.path}: {error}")
        return None

    def _cut(self, log: Log, store: ObjectStore) -> Part | None:
        if log.parts is None:
            self._resume(log, store)
        until, start = time.monotonic(), log.shipped
        data = self._spool.read(log, start, min(log.pending, max(_LARGEST_PART, self._part_bytes)))
        return Part(log, (log.parts or 0) + 1, start, data, until) if data else None

    def _settle(
        self, part: Part, error: ObjectStoreError | None, store: ObjectStore
    ) -> ObjectStoreError | None:
        """The part is there, or it was already: sent before a crash, or as one of an earlier log of this key."""
        log = part.log
        if error is None:
            self._spool.confirm(log, part.start + len(part.data), part.number, part.until)
            return None
        if error.code != "changed":
            return error
        failed = self._try(log, lambda: self._resume(log, store))
        if isinstance(failed, ObjectStoreError):
            return failed
        return error if (log.shipped, log.parts) == (part.start, part.number - 1) else None

    def _open(self) -> ObjectStore:
        """The store; opened by whoever needs it first."""
        given = self._store
        if not isinstance(given, dict):
            return given
        opened = open_store(**given)
        if self._store is given:  # else another was named meanwhile: the next part goes there
            self._store = opened
        return opened

    def _resume(self, log: Log, store: ObjectStore) -> None:
        def digest(start: int, size: int) -> str:
            return hashlib.md5(self._spool.read(log, start, size), usedforsecurity=False).hexdigest()

        shipped, last = match_parts(list_parts(store, log.key), log.written, digest)
        log.continues = last > 0 and not shipped
        self._spool.confirm(log, shipped, last, log.since)
