"""Setup and teardown: what a task waits for beyond its direct upstreams, and which tasks decide a run's end."""

from __future__ import annotations

from dataclasses import dataclass

from runner.domain.graph import DagGraph


@dataclass(frozen=True, slots=True)
class Extras:
    """What setups and teardowns add to one task's dependencies."""

    setups: tuple[int, ...] = ()
    """Setups it depends on indirectly: they must have succeeded."""
    scope: tuple[int, ...] = ()
    """For a teardown: the tasks between its setups and it; they must be over."""


def plan_extras(graph: DagGraph) -> dict[int, Extras]:
    """The tasks that setups or teardowns add to; empty for a DAG without any."""
    setups = {i for i, task in enumerate(graph.tasks) if task.is_setup}
    if not setups:
        return {}
    below = {i: graph.find_all_downstream(i) for i in setups}
    found = {}
    for i, task in enumerate(graph.tasks):
        above = graph.find_all_upstream(i)
        extras = Extras(
            () if task.is_teardown else tuple(sorted(_find_setups(graph, i, above & setups, above))),
            tuple(sorted(_find_scope(graph, i, above, below))) if task.is_teardown else (),
        )
        if extras != Extras():
            found[i] = extras
    return found


def find_deciding_leaves(graph: DagGraph) -> list[int]:
    """The tasks whose ends decide the run's: leaves, where teardowns count only when they say so."""

    def is_ignored(i: int) -> bool:
        return graph.tasks[i].is_teardown and not graph.tasks[i].on_failure_fail_dagrun

    found = [
        i
        for i, below in enumerate(graph.downstream)
        if not is_ignored(i) and all(is_ignored(j) for j in below)
    ]
    return found or graph.leaves  # a DAG of teardowns only


def _find_setups(graph: DagGraph, task: int, setups: set[int], above: set[int]) -> set[int]:
    """Setups above the task, not directly, that are not torn down before it."""
    found = set()
    for setup in setups - set(graph.upstream[task]):
        teardowns = {j for j in graph.downstream[setup] if graph.tasks[j].is_teardown}
        if not teardowns or teardowns - above:
            found.add(setup)
    return found


def _find_scope(graph: DagGraph, task: int, above: set[int], below: dict[int, set[int]]) -> set[int]:
    direct = set(graph.upstream[task])
    found: set[int] = set()
    for setup in direct & below.keys():
        found |= below[setup] & above
    return found - direct
