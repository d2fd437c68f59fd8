"""A row that the database refuses, whenever it is tried: its run fails, so that the others can go on.

A turn is one transaction for all runs; one row that breaks a constraint would roll every turn back for ever. When
the same refusal has come a few times in a row, the turn's changes are tried run by run, and rolled back: those that
are refused alone are the guilty ones.
"""

from __future__ import annotations

import logging

from sqlalchemy.exc import DataError, IntegrityError

from runner.domain.deadlines import BadDeadline
from runner.domain.states import DagRunState
from runner.scheduler.changes import Changes
from runner.scheduler.writing import Moved, write
from runner.store.database import Database, DatabaseError
from runner.store.task_instances import Marking, mark_run

log = logging.getLogger(__name__)
PATIENCE = 3
REFUSALS = (IntegrityError, DataError)
UNMAKABLE = (*REFUSALS, BadDeadline)
"""Why a run cannot be made though the database is there."""
_LONGEST = 500


class Refusals:
    """Counts how often in a row the database has refused the same thing."""

    def __init__(self) -> None:
        self._last = ""
        self._times = 0

    def clear(self) -> None:
        """A turn was written."""
        self._last, self._times = "", 0

    def note(self, error: DatabaseError) -> bool:
        """Whether it is time to find out whose rows are refused. A database that is away is not a refusal."""
        if not isinstance(error, REFUSALS):
            return False
        said = str(error.orig)
        self._times = self._times + 1 if said == self._last else 1
        self._last = said
        return self._times >= PATIENCE


def isolate(db: Database, changes: Changes, now: float) -> dict[int, str]:
    """Fail the runs whose changes the database refuses; their keys and why. Raises DatabaseError when it is away."""
    guilty = {key: why for key in sorted(changes.touched) if (why := _find_refusal(db, changes, key, now))}
    for key, why in guilty.items():
        log.error("failing run %d, whose rows the database refuses: %s", key, why)
        with db.begin() as conn:
            reason = f"the database refuses what it would write: {why}"
            mark_run(conn, key, DagRunState.FAILED, now, reason, Marking.ENDS_ALL)
    return guilty


class _TriedOut(Exception):
    """Roll back what was only tried."""


def _find_refusal(db: Database, changes: Changes, key: int, now: float) -> str | None:
    try:
        with db.begin() as conn:
            write(conn, changes.of_run(key), now)
            raise _TriedOut
    except REFUSALS as error:
        return " ".join(str(error.orig).split())[:_LONGEST]
    except (_TriedOut, Moved):
        return None
