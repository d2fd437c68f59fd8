"""The states of an environment and the edges between them, as one table.

The store's CHECK constraint and every conditional update follow it: no other change can happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """EnvironmentStatus of the MWAA model."""

    CREATING = "CREATING"
    CREATE_FAILED = "CREATE_FAILED"
    AVAILABLE = "AVAILABLE"
    UPDATING = "UPDATING"
    DELETING = "DELETING"
    DELETED = "DELETED"
    UNAVAILABLE = "UNAVAILABLE"
    UPDATE_FAILED = "UPDATE_FAILED"
    ROLLING_BACK = "ROLLING_BACK"
    CREATING_SNAPSHOT = "CREATING_SNAPSHOT"
    PENDING = "PENDING"
    MAINTENANCE = "MAINTENANCE"


S = Status

EDGES: Mapping[Status, frozenset[Status]] = {
    S.CREATING: frozenset({S.AVAILABLE, S.CREATE_FAILED, S.PENDING}),
    S.PENDING: frozenset({S.CREATING, S.CREATE_FAILED, S.DELETING}),
    S.CREATE_FAILED: frozenset({S.DELETING}),
    S.AVAILABLE: frozenset({S.UPDATING, S.MAINTENANCE, S.UNAVAILABLE, S.DELETING}),
    S.UPDATING: frozenset({S.AVAILABLE, S.CREATING_SNAPSHOT, S.ROLLING_BACK, S.UPDATE_FAILED, S.UNAVAILABLE}),
    S.CREATING_SNAPSHOT: frozenset({S.UPDATING, S.ROLLING_BACK, S.UPDATE_FAILED}),
    S.ROLLING_BACK: frozenset({S.UPDATE_FAILED, S.UNAVAILABLE}),
    S.UPDATE_FAILED: frozenset({S.UPDATING, S.MAINTENANCE, S.UNAVAILABLE, S.DELETING}),
    S.UNAVAILABLE: frozenset({S.AVAILABLE, S.UPDATING, S.DELETING}),
    S.MAINTENANCE: frozenset({S.AVAILABLE, S.UNAVAILABLE}),
    S.DELETING: frozenset({S.DELETED}),
    S.DELETED: frozenset(),
}

BUSY = frozenset({S.CREATING, S.UPDATING, S.CREATING_SNAPSHOT, S.ROLLING_BACK, S.MAINTENANCE, S.DELETING})
"""An operation is under way: another create, update or delete must wait."""

SERVING = frozenset(
    {S.AVAILABLE, S.UPDATING, S.CREATING_SNAPSHOT, S.ROLLING_BACK, S.UPDATE_FAILED, S.MAINTENANCE}
)
"""Its cell runs and answers the REST API."""

DELETABLE = frozenset(status for status, targets in EDGES.items() if S.DELETING in targets)

UPDATABLE = frozenset(status for status, targets in EDGES.items() if S.UPDATING in targets) - BUSY
"""UpdateEnvironment is accepted. CREATING_SNAPSHOT goes back to UPDATING, but by itself."""


def is_edge(source: Status, target: Status) -> bool:
    """Whether an environment may go from one state to the other."""
    return target in EDGES[source]
