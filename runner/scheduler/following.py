"""Which run looks at which for depends_on_past, and how the earlier one's tasks stand for it."""

from __future__ import annotations

from runner.domain.past import ENDED_WELL
from runner.domain.states import TaskInstanceState
from runner.scheduler.instances import Place, Run, Task


class Followers:
    """Keeps `Run.previous` of the run after as the run before goes on. At most one run looks at a run."""

    def __init__(self, runs: dict[int, Run]) -> None:
        self._runs = runs
        self._after: dict[int, int] = {}

    def put(self, previous: int, run: Run) -> None:
        """`run` looks at the run `previous`."""
        self._after[previous] = run.key

    def forget(self, previous: int) -> None:
        """The run `previous` is not in memory any more."""
        self._after.pop(previous, None)

    def count_end(self, task: Task, old: TaskInstanceState | None) -> None:
        """A task of the run before has come to an end, or from one to another."""
        self.count(task, (task.state not in ENDED_WELL) - (old not in ENDED_WELL))

    def count(self, task: Task, unmet: int) -> None:
        """So many more instances of a task have not ended well in the run before."""
        after = self._find(task.run)
        if after is not None and after.previous is not None:
            name = task.spec.task_id
            after.previous[name] = after.previous.get(name, 1) + unmet

    def find_places(self, task: Task) -> list[Place]:
        """Where to look in the run after when a task of the run before has ended."""
        after = self._find(task.run)
        if after is None or after.previous is None or not after.instances:
            return []
        position = after.plan.graph.index.get(task.spec.task_id)
        if position is None:
            return []
        near = {position, *after.plan.graph.upstream[position]}
        return [(after, i, None) for i in near & after.plan.needs_past]

    def _find(self, run: Run) -> Run | None:
        return self._runs.get(self._after.get(run.key, -1))
