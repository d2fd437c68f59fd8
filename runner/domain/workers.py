"""How many workers a cell has now: as many as its tasks need, between the environment's MinWorkers and MaxWorkers.

A worker is a share of the agent's slots and memory (`runner/adr/`): one more is there in the same turn, and one
fewer ends no task, for it goes only when its slots are free and have not been needed for a while.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

QUIET_SECONDS = 120.0
"""A worker stays so long after it was needed last: what comes in waves finds it there. MWAA waits as long."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the environment allows. `tasks` 0: workers do not matter, the cell has all its slots."""

    tasks: int = 0
    fewest: int = 1
    most: int = 1


@dataclass(frozen=True, slots=True)
class Workers:
    """How many there are, and until when the last of them is kept."""

    count: int = 0
    keep_until: float = 0.0


def scale(workers: Workers, bounds: Bounds, running: int, queued: int, now: float) -> Workers:
    """The workers after a look at the tasks. Never fewer than the running tasks stand on, whatever the bounds say."""
    if not bounds.tasks:
        return workers
    standing = _count(running, bounds)
    needed = max(standing, bounds.fewest, min(_count(running + queued, bounds), bounds.most))
    if needed >= workers.count:
        return Workers(needed, now + QUIET_SECONDS)
    if workers.count > bounds.most:
        return replace(workers, count=max(needed, standing, bounds.most))
    return workers if now < workers.keep_until else Workers(needed, now + QUIET_SECONDS)


def _count(tasks: int, bounds: Bounds) -> int:
    return -(-tasks // bounds.tasks)


def find_room(bounds: Bounds, workers: Workers, running: int) -> int | None:
    """How many more tasks the workers take; None when only the slots say. A worker above the bounds takes none."""
    if not bounds.tasks:
        return None
    return max(0, min(workers.count, max(bounds.most, bounds.fewest)) * bounds.tasks - running)
