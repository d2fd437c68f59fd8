"""Mapped tasks get their instances: how many, which rows are to be made, and which are too many."""

from __future__ import annotations

from collections.abc import Callable

from runner.domain.mapping import count_instances
from runner.domain.states import TERMINAL, TaskInstanceState
from runner.scheduler.changes import Changes, Growth
from runner.scheduler.instances import Run, Task, make_sibling

FindLengths = Callable[[Run, str, str], dict[int, int | None]]
"""(run, task_id, key) -> map index -> items of that XCom, None for what cannot be mapped over; as it is committed."""


def count_items(task: Task, find_lengths: FindLengths, changes: Changes) -> int | None:
    """How many instances the task is to have; None as long as what it is mapped over is not all there."""
    run = task.run

    def find(name: str, key: str) -> int | None:
        position = run.plan.graph.index.get(name)
        if position is None or not run.instances[position]:
            return None
        found = find_lengths(run, name, key) | _list_unwritten(run, name, key, changes)
        if not run.plan.graph.tasks[position].is_mapped:
            return found.get(-1)
        if position in run.growing or any(t.state not in TERMINAL for t in run.instances[position]):
            return None
        return sum(index >= 0 for index in found)

    return count_instances(task.spec.lengths or (), find)


def grow(task: Task, count: int) -> Growth:
    """Let a mapped task have `count` instances; one that had no map index becomes index 0."""
    run, position = task.run, task.position
    first, was_unmapped = max(other.map_index for other in run.instances[position]) + 1, task.map_index < 0
    if was_unmapped:
        task.map_index, first = 0, 1
    run.widen(position, count - first)
    run.growing.add(position)
    run.measured.add(position)
    return Growth(task, first, count, was_unmapped)


def shrink(growth: Growth) -> None:
    """Take back a growth that has not been written."""
    task, run = growth.pattern, growth.pattern.run
    run.widen(task.position, growth.first - growth.end)
    run.growing.discard(task.position)
    if growth.was_unmapped:
        task.map_index = -1


def attach(growth: Growth) -> list[Task]:
    """The new instances, their rows written, in their run."""
    pattern, run = growth.pattern, growth.pattern.run
    made = [make_sibling(pattern, key, index) for key, index in sorted(growth.ids, key=lambda row: row[1])]
    tasks = run.instances[pattern.position]
    tasks += made
    tasks.sort(key=lambda task: task.map_index)
    run.growing.discard(pattern.position)
    return made


def list_surplus(task: Task, count: int) -> list[Task]:
    """Instances beyond the items that there are. What is running or deferred of them comes to its own end."""
    return [
        other
        for other in task.run.instances[task.position]
        if not 0 <= other.map_index < count
        and not other.is_live
        and other.state not in (TaskInstanceState.REMOVED, TaskInstanceState.DEFERRED)
    ]


def _list_unwritten(run: Run, name: str, key: str, changes: Changes) -> dict[int, int | None]:
    """What this turn's reports say of an XCom."""
    rows = (row for (_task, at), row in changes.xcoms.items() if at == key)
    return {
        row["map_index"]: row["length"]
        for row in rows
        if row["task_id"] == name and (row["dag_id"], row["run_id"]) == (run.row.dag_id, run.row.run_id)
    }
