"""The bucket, mirrored: look, wait until it is still, fetch what changed, switch to the new snapshot.

    list: differs from the snapshot? -> fetch what is new -> list again `settle` later: the same? -> switch

Nothing seen to move is ever activated. Whatever fails, the last good snapshot goes on and the report says
why. A folder that lost its last file is believed too, after `empty_settle`; one that is empty when a bucket that was
away is back is not, until a key has been seen in it: the store may have lost what it held.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sync import materialise
from sync.manifest import Entry, Manifest, manifest_of, settled
from sync.objects import ObjectInfo, ObjectStore, ObjectStoreError
from sync.snapshot import Snapshot, find_pointer, write_pointer
from sync.watching import Ears

_LONGEST_BACKOFF = 30.0
_TOLD_FACTOR = 5.0
"""Where the store tells of changes, looking is only a safety net, and rarer."""
_TOLD_SETTLE = 0.5
"""There a change is seen when it is made and not at the next look, so less of a silence says as much."""
_PATIENCE = 5
"""Times in a row that an object may differ from its listing before that counts as a failure."""
_ROUNDING = 0.001
_AWAY = ("unreachable", "no_such_bucket")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """One look at the bucket. `code`: the store's, `vanished`, `local` or `internal`; None: all is well."""

    ok: bool
    at: float
    code: str | None
    message: str | None
    digest: str | None
    """The snapshot in force, which a failure does not change."""
    objects: int
    """Files in the last listing that succeeded."""
    listed_in: float
    """Seconds that listing took."""
    refused: tuple[tuple[str, str], ...]


class Mirror:
    """Follows one prefix of a bucket. `tick` is one look; `start` looks for ever in a thread of its own.

    Callbacks run in that thread: `on_snapshot` for every new snapshot (and the last good one at the start),
    `on_report` after every look.
    """

    def __init__(
        self,
        store: ObjectStore,
        prefix: str,
        store_dir: Path,
        bundles_dir: Path,
        *,
        interval: float = 1.0,
        settle: float = 0.3,
        empty_settle: float = 5.0,
        on_snapshot: Callable[[Snapshot], None],
        on_report: Callable[[SyncReport], None] = lambda report: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._store_dir = store_dir
        self._bundles_dir = bundles_dir
        self._interval = interval
        self._settle = settle
        self._empty_settle = empty_settle
        self._on_snapshot = on_snapshot
        self._on_report = on_report
        self._clock = clock
        self._current: tuple[Snapshot, Manifest] | None = None
        self._announced: str | None = None
        self._known: dict[Entry, str] = {}
        self._listing: list[ObjectInfo] = []
        self._seen = Manifest({})
        self._listed_in = 0.0
        self._pending: Manifest | None = None
        self._pending_since = 0.0
        self._changed = 0
        self._failures = 0
        self._was_away = False
        self._busy = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)
        self._ears = Ears(lambda: self._store, self._prefix, self.wake)

    def start(self) -> None:
        """Announce the last good snapshot, then look every `interval` seconds."""
        self._thread.start()
        self._ears.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End the thread; a request on its way is waited for at most `timeout` seconds."""
        self._stopping = True
        self._wake.set()
        self._ears.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def use(self, store: ObjectStore, interval: float) -> None:
        """Look at the same bucket by another client from the next look on: credentials were renewed, say."""
        self._store, self._interval = store, interval
        self.wake()

    def wake(self) -> None:
        """Look now and not only at the next interval."""
        self._wake.set()

    def restore(self) -> None:
        """Clean up after a killed process and announce its last good snapshot. `start` does this first."""
        with self._busy:
            materialise.clean_leftovers(self._store_dir, self._bundles_dir)
            self._current = find_pointer(self._store_dir, self._bundles_dir)
            if self._current is not None:
                snapshot, manifest = self._current
                self._known = {entry: snapshot.files[path] for path, entry in manifest.entries.items()}
                self._announce(snapshot)

    def collect(self, keep: set[str], older_than: float) -> list[str]:
        """Remove snapshots older than a time (epoch), neither in `keep` nor in force; their digests."""
        with self._busy:
            current = {self._current[0].digest} if self._current else set()
            return materialise.collect(self._store_dir, self._bundles_dir, keep | current, older_than)

    def tick(self, now: float) -> float:
        """One look at the bucket at time `now`; the seconds from `now` to the next. Never raises."""
        with self._busy:
            try:
                rest = self._look(now)
            except ObjectStoreError as error:
                return self._fail(now, error.code, error.message)
            except OSError as error:
                return self._fail(now, "local", f"cannot write the snapshot: {error}")
            except Exception as error:
                _log.exception("cannot follow the bucket: this is a fault of ours")
                return self._fail(now, "internal", f"cannot follow the bucket: {error!r}")
            if self._failures:
                _log.info("the bucket can be read again")
            self._failures = 0
            self._report(now, None, None)
            return rest

    def _look(self, now: float) -> float:
        manifest = self._list()
        if self._current is not None and manifest.entries == self._current[1].entries:
            self._pending = None
            self._current = (self._current[0], manifest)  # the same values; comparing with itself is cheap
            self._announce(self._current[0])
            return self._interval
        if not settled(self._pending, manifest):
            self._pending, self._pending_since = manifest, now
        try:
            self._fetch(manifest)
        except ObjectStoreError as error:
            return self._retry_changed(error)
        self._changed = 0
        waited = abs(now - self._pending_since)  # abs: a clock set back must not hold a snapshot up
        settle = self._find_settle()
        if waited < settle - _ROUNDING:
            return min(settle - waited, max(self._interval, self._settle))
        self._activate(manifest, now)
        return self._interval

    def _list(self) -> Manifest:
        started = time.monotonic()
        listing = self._store.list(self._prefix)
        self._listed_in = time.monotonic() - started
        self._was_away = self._was_away and not listing
        if self._was_away and self._current is not None and self._current[1].entries:
            where = f"{self._prefix!r} in {self._store!r}"
            raise ObjectStoreError("vanished", f"cannot find any object under {where}; the last files stay")
        if listing == self._listing:
            return self._seen
        self._listing, self._seen = listing, manifest_of(listing, self._prefix)
        return self._seen

    def _find_settle(self) -> float:
        """Files that are all gone at once may be on their way back: somebody moves or replaces the folder."""
        emptied = not self._listing and self._current is not None and self._current[1].entries
        if emptied:
            return self._empty_settle
        return self._settle * _TOLD_SETTLE if self._ears.hears() else self._settle

    def _fetch(self, manifest: Manifest) -> None:
        wanted = [entry for entry in manifest.entries.values() if entry not in self._known]
        if not wanted:
            return
        try:
            self._known.update(materialise.fetch(self._store, self._store_dir, wanted))
        except materialise.FetchError as error:
            self._known.update(error.done)
            raise

    def _retry_changed(self, error: ObjectStoreError) -> float:
        """An object that is no longer as listed is an uploader at work, unless it never ends."""
        if error.code != "changed":
            raise error
        self._pending = None
        self._changed += 1
        if self._changed > _PATIENCE:
            raise error
        return self._settle

    def _activate(self, manifest: Manifest, now: float) -> None:
        files = {path: self._known[entry] for path, entry in manifest.entries.items()}
        try:
            digest, path = materialise.build(self._store_dir, self._bundles_dir, files)
        except FileNotFoundError:
            self._known.clear()  # a content was taken away under us; what is still there is not stored again
            raise
        known = self._current[0] if self._current and self._current[0].digest == digest else None
        snapshot = known or Snapshot(digest, path, files, manifest.refused, now)
        write_pointer(self._store_dir, snapshot, manifest)
        self._current, self._pending = (snapshot, manifest), None
        self._known = {entry: self._known[entry] for entry in manifest.entries.values()}
        self._announce(snapshot)

    def _announce(self, snapshot: Snapshot) -> None:
        if self._announced != snapshot.digest:
            self._on_snapshot(snapshot)
            self._announced = snapshot.digest

    def _fail(self, now: float, code: str, message: str) -> float:
        if not self._failures:
            _log.warning("the last good snapshot stays in force: %s", message)
        self._failures += 1
        self._was_away = self._was_away or code in _AWAY
        if not self._listing:
            self._pending = None  # an empty folder must be seen empty without a break
        self._report(now, code, message)
        longest: float = min(
            _LONGEST_BACKOFF, 5 * self._interval, self._interval * 2 ** min(self._failures, 10)
        )
        return random.uniform(0.5, 1.0) * longest  # noqa: S311 - jitter, not a secret

    def _report(self, now: float, code: str | None, message: str | None) -> None:
        digest = self._current[0].digest if self._current else None
        count, refused = len(self._seen.entries), self._seen.refused
        self._on_report(SyncReport(code is None, now, code, message, digest, count, self._listed_in, refused))

    def _run(self) -> None:
        look: Callable[[], float] = self._restore_first
        while not self._stopping:
            started = time.monotonic()
            try:
                rest = look()
            except Exception:
                _log.exception("the mirror failed to start, or a callback of it failed; it goes on")
                rest = self._interval
            look = self._look_now
            if rest >= self._interval and self._ears.hears():
                rest *= _TOLD_FACTOR
            took = time.monotonic() - started
            if self._wake.wait(max(rest - took, took / 2 if rest >= self._interval else 0.0)):
                self._wake.clear()

    def _restore_first(self) -> float:
        self.restore()
        return 0.0

    def _look_now(self) -> float:
        return self.tick(self._clock())
