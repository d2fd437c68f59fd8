"""The tasks of a DAG and who waits for whom, by position: task `i` is `tasks[i]`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.domain.spec import TaskSpec

_MAX_WEIGHT = 2**31 - 1


class BadGraph(ValueError):
    """The tasks do not form a directed acyclic graph; the message names the ones at fault."""


@dataclass(frozen=True, slots=True)
class DagGraph:
    """Edges both ways. `order` names every task after all of its upstreams."""

    tasks: tuple[TaskSpec, ...]
    index: dict[str, int]
    upstream: tuple[tuple[int, ...], ...]
    downstream: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]

    @property
    def roots(self) -> list[int]:
        return [i for i, above in enumerate(self.upstream) if not above]

    @property
    def leaves(self) -> list[int]:
        return [i for i, below in enumerate(self.downstream) if not below]

    def find_all_upstream(self, position: int) -> set[int]:
        """Everything that the task waits for, directly or not."""
        return _reach(self.upstream, position)

    def find_all_downstream(self, position: int) -> set[int]:
        """Everything that waits for the task, directly or not."""
        return _reach(self.downstream, position)


def build(tasks: Sequence[TaskSpec]) -> DagGraph:
    """The graph of these tasks. Raises BadGraph on a cycle, a duplicate or an unknown upstream."""
    index = {task.task_id: i for i, task in enumerate(tasks)}
    if len(index) < len(tasks):
        raise BadGraph("cannot build the graph: two tasks have the same task_id")
    try:
        upstream = tuple(tuple(index[name] for name in dict.fromkeys(task.upstream)) for task in tasks)
    except KeyError as error:
        raise BadGraph(f"cannot build the graph: no task is called {error}") from None
    below: list[list[int]] = [[] for _ in tasks]
    for i, above in enumerate(upstream):
        for j in above:
            below[j].append(i)
    downstream = tuple(map(tuple, below))
    return DagGraph(tuple(tasks), index, upstream, downstream, _sort(tasks, upstream, downstream))


def resolve_priorities(graph: DagGraph) -> list[int]:
    """Every task's priority by its weight rule: its own weight, with that of all below or all above it."""
    rules = {task.weight_rule for task in graph.tasks}
    below = (
        _sum_reachable(graph, graph.downstream, tuple(reversed(graph.order))) if "downstream" in rules else []
    )
    above = _sum_reachable(graph, graph.upstream, graph.order) if "upstream" in rules else []
    found = []
    for i, task in enumerate(graph.tasks):
        extra = (
            below[i]
            if task.weight_rule == "downstream"
            else above[i]
            if task.weight_rule == "upstream"
            else 0
        )
        found.append(max(-_MAX_WEIGHT, min(_MAX_WEIGHT, task.priority_weight + extra)))
    return found


def _sum_reachable(graph: DagGraph, edges: tuple[tuple[int, ...], ...], order: tuple[int, ...]) -> list[int]:
    """Sum of weights of all that is reachable. Sets are bits of one integer: 10,000 tasks take milliseconds."""
    masks: dict[int, int] = {}
    for i, task in enumerate(graph.tasks):
        masks[task.priority_weight] = masks.get(task.priority_weight, 0) | (1 << i)
    reach = [0] * len(graph.tasks)
    sums = [0] * len(graph.tasks)
    for i in order:
        bits = 0
        for j in edges[i]:
            bits |= reach[j] | (1 << j)
        reach[i] = bits
        sums[i] = sum(weight * (bits & mask).bit_count() for weight, mask in masks.items()) if bits else 0
    return sums


def _sort(
    tasks: Sequence[TaskSpec], upstream: tuple[tuple[int, ...], ...], downstream: tuple[tuple[int, ...], ...]
) -> tuple[int, ...]:
    missing = [len(above) for above in upstream]
    order = [i for i, count in enumerate(missing) if not count]
    for i in order:  # grows while it is walked
        for j in downstream[i]:
            missing[j] -= 1
            if not missing[j]:
                order.append(j)
    if len(order) < len(tasks):
        stuck = sorted(tasks[i].task_id for i, count in enumerate(missing) if count)
        raise BadGraph(f"cannot build the graph: there is a cycle among {', '.join(stuck[:10])}")
    return tuple(order)


def _reach(edges: tuple[tuple[int, ...], ...], position: int) -> set[int]:
    found: set[int] = set()
    todo = list(edges[position])
    while todo:
        i = todo.pop()
        if i not in found:
            found.add(i)
            todo.extend(edges[i])
    return found
