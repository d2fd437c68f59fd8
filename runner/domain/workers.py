"""How many workers a cell has now: as many as its tasks need, between the environment's MinWorkers and MaxWorkers.

A worker is a share of the agent's slots and memory (`runner/adr/`): one more is there in the turn that hands out the
task that needs it, and one fewer ends no task, for it goes only when its slots are free and were not needed lately.
"""

from __future__ import annotations

from dataclasses import dataclass

QUIET_SECONDS = 120.0
"""A worker stays so long after it was needed last: what comes in waves finds it there. MWAA waits as long."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the environment allows. `tasks` 0: workers do not matter, the cell has all its slots."""

    tasks: int = 0
    fewest: int = 1
    most: int = 1
    draining: bool = False
    """No task is to begin any more."""


@dataclass(frozen=True, slots=True)
class Workers:
    """How many there are, and until when the last of them is kept."""

    count: int = 0
    keep_until: float = 0.0


def find_room(bounds: Bounds, running: int) -> int | None:
    """How many more tasks may begin; None when only the slots say. Workers above the bounds take none."""
    if bounds.draining:
        return 0
    return max(0, bounds.most * bounds.tasks - running) if bounds.tasks else None


def scale(workers: Workers, bounds: Bounds, running: int, now: float) -> Workers:
    """The workers for so many tasks, those included that begin now. What tasks run on stays."""
    if not bounds.tasks:
        return workers
    needed = max(bounds.fewest, -(-running // bounds.tasks))
    if needed >= workers.count or now >= workers.keep_until:
        return Workers(needed, now + QUIET_SECONDS)
    if workers.count > bounds.most:
        return Workers(max(needed, bounds.most), workers.keep_until)
    return workers
