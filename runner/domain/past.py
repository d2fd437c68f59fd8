"""Dependencies on the run before: depends_on_past and wait_for_downstream."""

from __future__ import annotations

from collections.abc import Iterable

from runner.domain.states import TaskInstanceState

ENDED_WELL = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED})


def count_unmet(states: Iterable[TaskInstanceState | None]) -> int:
    """How many of a task's instances have not ended well."""
    return sum(state not in ENDED_WELL for state in states)


def is_past_met(unmet: int | None, downstream: Iterable[int] = (), may_be_first: bool = False) -> bool:
    """May a task go ahead, given how many of its instances, and of its direct downstreams', did not end well before?

    `unmet` None: the task was not in the run before; `may_be_first`: nor in any earlier one, and that is no matter.
    `downstream` matters for wait_for_downstream only: leave it empty for depends_on_past alone. The first run of a
    DAG has no run before and is not asked.
    """
    if unmet is None:
        return may_be_first
    return not unmet and not any(downstream)
