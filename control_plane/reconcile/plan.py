"""What to do next, for every environment: pure, decided from the rows, what runs, and the time.

It never asks for the same thing twice while a job works on a cell, and it asks again after any crash: every
action is idempotent, so the plan needs no memory of what was begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from control_plane.domain.environment import Environment
from control_plane.domain.status import SERVING, Status
from infra.provisioner import Observed

ROLES = ("engine", "agent")
"""The processes that every cell has."""

QUIET_SECONDS = 5.0
"""A process that is seen alive so long after its start has a clean record: what kills it now is not its start."""
_FREE_RESTARTS = 3
_LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Starts:
    """How often in a row a process was started because it had died, and when last."""

    count: int = 0
    last: float = 0.0


@dataclass(frozen=True, slots=True)
class Cell:
    """What is known of a cell now. `busy`: a job is at work on it."""

    observed: Observed
    busy: bool = False
    starts: Mapping[str, Starts] = field(default_factory=dict)
    stale: bool = False
    """The bucket has newer requirements, plugins or a newer startup script."""
    needs_keys: bool = False
    """Its S3 keys end soon, or are no longer those of its role."""


class Verb(StrEnum):
    """What may be done to a cell."""

    CREATE = "create"
    DELETE = "delete"
    FORGET = "forget"
    """Remove what is left here of an environment that another control plane on the same database has deleted."""
    START = "start"
    STOP = "stop"
    UPDATE = "update"
    ROLL_BACK = "roll back"
    PAUSE = "pause"
    RENEW = "renew"
    """Tell it new S3 keys."""
    REFRESH = "refresh"
    """Apply what is newer in the bucket."""
    RECOVER = "recover"
    """Look whether an environment that was out of order is in order again."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. `roles` for START: which processes."""

    verb: Verb
    name: str
    roles: tuple[str, ...] = ()


def plan(environments: Iterable[Environment], cells: Mapping[str, Cell], now: float) -> list[Action]:
    """The actions due now, in the order of the rows. An environment without a cell has never been begun."""
    nothing = Cell(Observed(exists=False))
    actions = (_decide(row, cells.get(row.name, nothing), now) for row in environments)
    return [action for action in actions if action is not None]


_AT_WORK: Mapping[Status, Verb] = {
    Status.CREATING: Verb.CREATE,
    Status.UPDATING: Verb.UPDATE,
    Status.CREATING_SNAPSHOT: Verb.UPDATE,
    Status.ROLLING_BACK: Verb.ROLL_BACK,
    Status.DELETING: Verb.DELETE,
    Status.DELETED: Verb.DELETE,
}
"""Statuses that a job leads out of, and which one: begun again by whoever finds the row in it."""


def _decide(row: Environment, cell: Cell, now: float) -> Action | None:
    if cell.busy:
        return None
    if row.is_pausing:
        return Action(Verb.PAUSE, row.name)
    if row.status in _AT_WORK:
        return Action(_AT_WORK[row.status], row.name)
    if row.status is Status.CREATE_FAILED or row.is_paused:
        running = any(pid is not None for pid in cell.observed.processes.values())
        return Action(Verb.STOP, row.name) if running else None
    if row.status in SERVING or row.status is Status.UNAVAILABLE:
        return _keep(row, cell, now)
    return None


def _keep(row: Environment, cell: Cell, now: float) -> Action | None:
    """What it takes to have all processes run, and to say so."""
    dead = [role for role in ROLES if not cell.observed.is_running(role)]
    due = tuple(role for role in dead if is_due(cell.starts, role, now))
    if due:
        return Action(Verb.START, row.name, due)
    if dead:
        return None
    if cell.needs_keys:
        return Action(Verb.RENEW, row.name)
    if row.status is Status.UNAVAILABLE:
        return Action(Verb.RECOVER, row.name)
    return Action(Verb.REFRESH, row.name) if cell.stale else None


def is_due(records: Mapping[str, Starts], role: str, now: float) -> bool:
    """Whether a dead process may be started again now."""
    starts = records.get(role, Starts())
    return now >= starts.last + wait_after(starts.count)


def wait_after(count: int) -> float:
    """Seconds between the last start and the next, after so many in a row: a few at once, then slower."""
    return 0.0 if count < _FREE_RESTARTS else min(_LONGEST_WAIT, float(2 ** (count - _FREE_RESTARTS)))


def count_start(starts: Starts, now: float) -> Starts:
    """The record after one more start."""
    return Starts(starts.count + 1, now)


def forgive(starts: Mapping[str, Starts], observed: Observed, now: float) -> dict[str, Starts]:
    """The records after a look: those of processes that have outlived their start are clean."""
    return {
        role: Starts(0, record.last)
        if observed.is_running(role) and now - record.last >= QUIET_SECONDS
        else record
        for role, record in starts.items()
    }
