"""What is worked out once per DAG version and used by every run of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from runner.domain.graph import DagGraph, build
from runner.domain.setups import Extras, find_deciding_leaves, plan_extras
from runner.domain.spec import DagSpec
from runner.domain.spread import Spread, plan_spread


@dataclass(frozen=True, slots=True)
class DagPlan:
    """A DAG version, ready to schedule."""

    spec: DagSpec
    graph: DagGraph
    extras: dict[int, Extras]
    leaves: tuple[int, ...]
    """The tasks that decide how a run ends."""
    watchers: dict[int, tuple[int, ...]]
    """Task -> tasks to look at again when it ends, though it is not their direct upstream."""
    needs_past: frozenset[int]
    """Tasks that look at the run before."""
    spread: Spread
    """Which tasks meet instance by instance."""


def make_plan(spec: DagSpec) -> DagPlan:
    """The plan of a DAG version."""
    graph = build(spec.tasks)
    extras = plan_extras(graph)
    spread = plan_spread(graph)
    watchers: dict[int, list[int]] = {}
    for i, extra in extras.items():
        for j in (*extra.setups, *extra.scope):
            watchers.setdefault(j, []).append(i)
    for i, sources in spread.sources.items():
        for j in set(sources).difference(graph.upstream[i]):
            watchers.setdefault(j, []).append(i)
    return DagPlan(
        spec,
        graph,
        extras,
        tuple(find_deciding_leaves(graph)),
        {i: tuple(tasks) for i, tasks in watchers.items()},
        frozenset(i for i, task in enumerate(graph.tasks) if task.needs_past),
        spread,
    )


class PlanCache:
    """Plans of the versions used last."""

    def __init__(self, size: int = 256) -> None:
        self._plans: OrderedDict[int, DagPlan] = OrderedDict()
        self._size = size

    def get(self, version_id: int, read: Callable[[int], DagSpec]) -> DagPlan:
        """The plan of a version, from `read` when it is not here."""
        plan = self._plans.get(version_id)
        if plan is None:
            plan = self._plans[version_id] = make_plan(read(version_id))
            if len(self._plans) > self._size:
                self._plans.popitem(last=False)
        self._plans.move_to_end(version_id)
        return plan
