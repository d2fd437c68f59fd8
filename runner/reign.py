"""Being the active engine: waiting for the lease as a standby, and keeping it for as long as this process schedules."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

from airflow._wire.layout import Layout

from runner.store import leases
from runner.store.database import Database, DatabaseError

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.3
_RENEW_SECONDS = leases.SECONDS / 3
"""Two words may be lost before the reign is over."""


class Reign:
    """One engine's claim. `holder` is the home's own name: whoever holds the role's lock there may speak for it."""

    def __init__(self, db: Database, home: Path) -> None:
        self._db = db
        self._holder = _find_name(home / "run" / "engine.id")
        self._mark = Layout(home).standing_by
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.epoch = 0

    def wait(self, stopping: threading.Event) -> bool:
        """Stand by until the lease is ours; False when told to stop first."""
        self._mark.unlink(missing_ok=True)
        while not stopping.is_set():
            try:
                epoch = leases.claim(self._db, self._holder)
            except DatabaseError as error:
                log.error("cannot ask for the engine's lease, trying again: %s", error)
                epoch = None
            if epoch is not None:
                self.epoch = epoch
                self._mark.unlink(missing_ok=True)
                log.info("active, in epoch %d", epoch)
                return True
            if not self._mark.exists():
                log.info("standing by: another engine is active")
                self._mark.touch()
            stopping.wait(_LOOK_SECONDS)
        return False

    def begin(self, on_lost: Callable[[], None]) -> None:
        """Have every write fenced from now on, and the lease renewed; `on_lost` when somebody else has taken it."""
        if self._db.is_sqlite:
            return  # the role's lock is the lease
        self._db.fence(self.epoch)
        self._thread = threading.Thread(target=self._keep, args=(on_lost,), name="lease", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Let the next one begin at once."""
        self._over.set()
        if self._thread is None:
            return
        self._thread.join()
        try:
            leases.release(self._db, self.epoch, self._holder)
        except DatabaseError as error:
            log.warning("cannot give the lease back; it ends by itself: %s", error)

    def _keep(self, on_lost: Callable[[], None]) -> None:
        while not self._over.wait(_RENEW_SECONDS):
            try:
                if leases.renew(self._db, self.epoch, self._holder):
                    continue
            except DatabaseError as error:
                log.error("cannot renew the engine's lease, trying again: %s", error)
                continue
            log.error("another engine is active: epoch %d is over", self.epoch)
            on_lost()
            return


def _find_name(path: Path) -> str:
    """This home's name, made once: host names come and go with containers."""
    if not path.is_file():
        temporary = path.with_name(path.name + ".new")
        temporary.write_text(uuid.uuid4().hex, encoding="ascii")
        temporary.replace(path)
    return path.read_text(encoding="ascii").strip()
