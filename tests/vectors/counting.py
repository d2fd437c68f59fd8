"""How the upstreams of a task stand, counted from scratch: what the engine keeps up to date as they end."""

from __future__ import annotations

from collections.abc import Sequence

from runner.domain.graph import DagGraph
from runner.domain.states import TaskInstanceState
from runner.domain.trigger_rules import Counts


def count_upstreams(graph: DagGraph, position: int, states: Sequence[TaskInstanceState | None]) -> Counts:
    """The counts of a task's upstreams from scratch, where nothing is mapped."""
    counts = Counts(setups=sum(graph.tasks[i].is_setup for i in graph.upstream[position]))
    for i in graph.upstream[position]:
        counts.add(states[i], 1, graph.tasks[i].is_setup)
    return counts
