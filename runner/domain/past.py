"""Dependencies on the run before: depends_on_past and wait_for_downstream."""

from __future__ import annotations

from collections.abc import Iterable

from runner.domain.states import TERMINAL, TaskInstanceState

_ENDED_WELL = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED})


def is_past_met(
    previous: TaskInstanceState | None, downstream: Iterable[TaskInstanceState | None] = ()
) -> bool:
    """May a task go ahead, given how it and its direct downstreams ended in the run before?

    `downstream` matters for wait_for_downstream only: leave it empty for depends_on_past alone. The first run of a
    DAG has no run before and is not asked.
    """
    return previous in _ENDED_WELL and all(state in TERMINAL for state in downstream)
