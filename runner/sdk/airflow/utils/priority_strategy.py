"""Weight rules of users: a class that says how much a task weighs.

The engine runs no user code, so a rule is asked once, while the DAG is parsed, about a task that has not been tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow.exceptions import AirflowException


class PriorityWeightStrategy:
    """Base of such rules."""

    def get_weight(self, ti: Any) -> int:
        """The weight of a task instance; of `ti` only what belongs to the task is known."""
        raise NotImplementedError(f"{type(self).__qualname__} must have a get_weight")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self))

    def __hash__(self) -> int:
        return hash(type(self))


@dataclass(frozen=True, slots=True)
class Untried:
    """A task instance before its first try, without a run."""

    task: Any
    try_number: int = 0
    map_index: int = -1

    @property
    def task_id(self) -> str:
        return str(self.task.task_id)

    @property
    def dag_id(self) -> str:
        return str(self.task.dag_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)


def weigh(strategy: Any, task: Any) -> int:
    """What a user's rule says of a task. Raises AirflowException for one that cannot say it without a run."""
    try:
        return int(strategy.get_weight(Untried(task)))
    except Exception as error:
        raise AirflowException(
            f"cannot weigh the task {task.task_id!r} by {type(strategy).__qualname__}: {error!r}"
        ) from error
