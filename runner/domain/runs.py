"""How a run ends: from the ends of its deciding tasks, once nothing is unfinished."""

from __future__ import annotations

from collections.abc import Iterable

from runner.domain.states import DagRunState, TaskInstanceState

_BAD = frozenset({TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED})


def judge_end(leaves: Iterable[TaskInstanceState | None]) -> DagRunState:
    """The state of a run all of whose tasks are over, by its deciding leaves; removed ones have no say."""
    return DagRunState.FAILED if any(state in _BAD for state in leaves) else DagRunState.SUCCESS
