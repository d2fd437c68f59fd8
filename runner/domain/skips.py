"""Is a task that starts anew still skipped by what a branch before it decided in the same run? Pure.

Whatever skips tasks leaves a note of it (`_wire.messages.SKIP_NOTE`). Its outcome skips them when it ends; the note is
for those that are cleared afterwards, without it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from runner.domain.graph import DagGraph
from runner.domain.states import TERMINAL

_OVER = frozenset(str(state) for state in TERMINAL)
Place = tuple[str, int]
"""Task id and map index."""


def is_passed_over(note: Any, task_id: str) -> bool:
    """Does the note of a direct upstream task say that the task is skipped? It may be anything: users can write it."""
    if not isinstance(note, dict):
        return False
    if "followed" in note and not _has(note["followed"], task_id):
        return True
    return _has(note.get("skipped"), task_id)


def find_passed_over(
    graph: DagGraph,
    instances: Collection[tuple[str, int, str | None]],
    read_notes: Callable[[], dict[Place, Any]],
) -> dict[Place, str]:
    """The instances (task id, map index, state) that have no state and are skipped, each with the task that decided it.

    A note counts when its task is over: for all instances of a direct downstream task, or for that with the same map
    index when it has one. Notes are read only when there can be any such.
    """
    over = {(task_id, map_index) for task_id, map_index, state in instances if state in _OVER}
    if not over:  # as when the run has just been made
        return {}
    waiting: dict[str, list[int]] = {}
    for task_id, map_index, state in instances:
        if state is None:
            waiting.setdefault(task_id, []).append(map_index)
    found: dict[Place, str] = {}
    for place, note in read_notes().items() if waiting else ():
        name, index = place
        if place not in over or name not in graph.index:
            continue
        for below in (graph.tasks[j].task_id for j in graph.downstream[graph.index[name]]):
            if below in waiting and is_passed_over(note, below):
                found.update({(below, at): name for at in waiting[below] if index in (-1, at)})
    return found


def _has(names: Any, task_id: str) -> bool:
    return isinstance(names, list) and task_id in names
