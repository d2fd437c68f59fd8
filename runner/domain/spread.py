"""How a DAG's tasks spread into instances: which pairs of tasks meet index by index, and which meet as a whole.

Inside one mapped group instance `i` of a task has to do with instance `i` of another. Everywhere else a task has to
do with all instances of the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.domain.graph import DagGraph
from runner.domain.mapping import list_sources
from runner.domain.trigger_rules import EAGER

Edges = dict[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Spread:
    """The edges of a DAG, told apart. For a DAG without mapping everything but `outside_down` is empty."""

    groups: dict[int, str]
    """Task -> the mapped group that it is in."""
    inside_up: Edges
    """Task -> its direct upstreams in the same mapped group."""
    inside_down: Edges
    outside_down: tuple[tuple[int, ...], ...]
    """The other direct downstreams, by task."""
    sources: Edges
    """Mapped task -> the tasks whose XComs say how many instances it has."""
    pushed: dict[int, frozenset[str]]
    """Unmapped task -> the XComs that it must leave, for others are mapped over them."""
    eager: frozenset[int]
    """Tasks inside mapped groups whose rule may be met by some of their upstreams: until they are expanded they look
    at all instances, for the first to decide would decide for all otherwise."""

    def is_pair(self, one: int, other: int) -> bool:
        """Do the two tasks meet index by index?"""
        group = self.groups.get(one)
        return group is not None and self.groups.get(other) == group


def plan_spread(graph: DagGraph) -> Spread:
    """The spread of a DAG."""
    groups = {i: task.mapped_group for i, task in enumerate(graph.tasks) if task.mapped_group is not None}
    sources, pushed = _find_sources(graph)
    if not groups:
        return Spread({}, {}, {}, graph.downstream, sources, pushed, frozenset())

    def keep(edges: tuple[tuple[int, ...], ...], inside: bool) -> list[tuple[int, ...]]:
        return [
            tuple(j for j in near if (i in groups and groups.get(j) == groups[i]) is inside)
            for i, near in enumerate(edges)
        ]

    inside_up = {i: near for i, near in enumerate(keep(graph.upstream, True)) if near}
    return Spread(
        groups,
        inside_up,
        {i: near for i, near in enumerate(keep(graph.downstream, True)) if near},
        tuple(keep(graph.downstream, False)),
        sources,
        pushed,
        frozenset(i for i in inside_up if graph.tasks[i].trigger_rule in EAGER),
    )


def _find_sources(graph: DagGraph) -> tuple[Edges, dict[int, frozenset[str]]]:
    sources: Edges = {}
    pushed: dict[int, frozenset[str]] = {}
    for i, task in enumerate(graph.tasks):
        named = [
            (graph.index[name], key) for name, key in list_sources(task.lengths or ()) if name in graph.index
        ]
        if named:
            sources[i] = tuple(sorted({j for j, _key in named}))
        for j, key in named:
            if not graph.tasks[j].is_mapped:
                pushed[j] = pushed.get(j, frozenset()) | {key}
    return sources, pushed
