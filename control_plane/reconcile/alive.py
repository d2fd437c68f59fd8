"""While an update is prepared, which may take minutes, what dies of the cell is started again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from control_plane.domain.environment import Environment
from control_plane.reconcile.jobs import Interrupted, Jobs
from control_plane.reconcile.plan import ROLES, Starts, count_start, forgive, is_due

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5


@contextmanager
def keeping_alive(jobs: Jobs, row: Environment) -> Iterator[None]:
    """As long as the block lasts. A paused environment has nothing to be kept alive."""
    if row.paused is not None:
        yield
        return
    ending = threading.Event()
    thread = threading.Thread(target=_keep, args=(jobs, row, ending), name=f"alive-{row.name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def _keep(jobs: Jobs, row: Environment, ending: threading.Event) -> None:
    starts: dict[str, Starts] = {}
    while not ending.wait(_LOOK_SECONDS):
        now = jobs.clock()
        seen = jobs.provisioner.observe(row.name)
        starts = forgive(starts, seen, now)
        due = tuple(role for role in ROLES if not seen.is_running(role) and is_due(starts, role, now))
        if due:
            starts.update({role: count_start(starts.get(role, Starts()), now) for role in due})
            try:
                jobs.start(row, due)
            except Interrupted:
                return
            except Exception:
                log.exception("cannot start a dead process", extra={"environment": row.name})
