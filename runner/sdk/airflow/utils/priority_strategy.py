"""Priorities of a user's own making: a strategy is asked for the weight of each task when its file is parsed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class PriorityWeightStrategy:
    """Give a task `weight_rule=MyStrategy()` (or the class) to weigh it by `get_weight`.

    `ti` has what is known of a task instance before there is one: `task`, `task_id`, `dag_id`, `priority_weight`,
    `pool`, `queue`, `try_number` 1, `map_index` -1. What it answers holds for every run until the file changes.
    """

    def get_weight(self, ti: Any) -> int:
        """The weight of a task instance; the greater starts first."""
        raise NotImplementedError(
            f"cannot weigh {ti.task_id!r}: {type(self).__name__} does not define get_weight"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self))

    def __hash__(self) -> int:
        return hash(type(self))


def is_strategy(value: Any) -> bool:
    """Whether a weight rule is a strategy, or the class of one, rather than the name of a rule."""
    return callable(getattr(value, "get_weight", None))


def make_strategy(value: Any) -> Any:
    """The strategy that was given, made when it was given as a class."""
    return value() if isinstance(value, type) else value


def weigh(task: Any) -> tuple[int, str]:
    """A task's weight and the name of the rule to weigh it by."""
    rule = task.weight_rule
    if not is_strategy(rule):
        return task.priority_weight, str(rule)
    facts = {
        name: getattr(task, name, None) for name in ("task_id", "dag_id", "priority_weight", "pool", "queue")
    }
    ti = SimpleNamespace(task=task, try_number=1, map_index=-1, max_tries=task.retries, **facts)
    return int(rule.get_weight(ti)), "absolute"
