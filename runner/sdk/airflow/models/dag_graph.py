"""A DAG's graph as a whole: its order, its circles, and parts of it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

from airflow.exceptions import AirflowDagCycleException


def sort_tasks(dag: Any) -> list[Any]:
    """Every task after its upstream. Raises AirflowDagCycleException naming the tasks of a circle."""
    waiting = {task.task_id: len(task.upstream_task_ids) for task in dag.tasks}
    ready = [task_id for task_id, count in waiting.items() if not count]
    order = []
    for task_id in ready:
        order.append(dag.task_dict[task_id])
        for below in sorted(dag.task_dict[task_id].downstream_task_ids):
            waiting[below] -= 1
            if not waiting[below]:
                ready.append(below)
    if len(order) < len(waiting):
        raise AirflowDagCycleException(_describe_cycle(dag, {t for t, count in waiting.items() if count}))
    return order


def _describe_cycle(dag: Any, left: set[str]) -> str:
    path = [min(left)]
    while path.count(path[-1]) < 2:
        path.append(min(dag.task_dict[path[-1]].upstream_task_ids & left))
    circle = path[path.index(path[-1]) :][::-1]
    sites = [dag.task_dict[task_id].definition_site for task_id in circle[:-1]]
    where = ", ".join(f"{file}:{line}" for file, line in sites)
    words = f"its tasks form a cycle: {' >> '.join(circle)} (created at {where})"
    return f"cannot load the DAG {dag.dag_id!r}: {words}"


def select_part(dag: Any, wanted: Any, downstream: bool, upstream: bool, direct_upstream: bool) -> Any:
    """A copy of the DAG with the chosen tasks (ids, tasks, or a pattern to find in ids) and what they need."""
    chosen = set(_matching(dag, wanted))
    kept = set(chosen)
    for task_id in chosen:
        task = dag.get_task(task_id)
        if downstream:
            kept |= task.get_flat_relative_ids()
        if upstream:
            kept |= task.get_flat_relative_ids(upstream=True)
        elif direct_upstream:
            kept |= task.upstream_task_ids
    part = copy.copy(dag)
    part.partial = len(kept) < len(dag.task_dict)
    part.task_dict = {
        task_id: _cut(dag.task_dict[task_id], kept, part) for task_id in dag.task_dict if task_id in kept
    }
    return part


def _matching(dag: Any, wanted: Any) -> Iterable[str]:
    if isinstance(wanted, (str, re.Pattern)):
        return [task_id for task_id in dag.task_dict if re.search(wanted, task_id)]
    return [getattr(item, "task_id", item) for item in wanted]


def _cut(task: Any, kept: set[str], part: Any) -> Any:
    twin = copy.copy(task)
    twin._dag = part
    twin.upstream_task_ids = task.upstream_task_ids & kept
    twin.downstream_task_ids = task.downstream_task_ids & kept
    return twin
