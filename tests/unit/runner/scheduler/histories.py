"""A frontier without a database: runs made of task lists, reports fed by hand."""

from __future__ import annotations

import itertools
from typing import Any

from airflow._wire import messages

from runner.domain.slots import Limits
from runner.domain.spec import DagSpec, TaskSpec
from runner.domain.states import DagRunState
from runner.scheduler import reports
from runner.scheduler.changes import Changes
from runner.scheduler.frontier import Frontier
from runner.scheduler.instances import Run, Task
from runner.scheduler.plans import make_plan
from runner.scheduler.tries import Room, admit
from runner.store.runs import list_indexes
from runner.store.unfinished import InstanceRow, RunRow

LINK, AGENT = 1, "agent"


class History:
    """One frontier, one agent, a clock that is set by hand."""

    def __init__(
        self, slots: int = 100, pools: dict[str, int] | None = None, max_map_length: int = 1024
    ) -> None:
        self.xcoms: dict[tuple[int, str, str], dict[int, int | None]] = {}
        """(run, task_id, key) -> map index -> length, as committed."""
        self.frontier = Frontier(lambda run, *at: dict(self.xcoms.get((run.key, *at), {})), max_map_length)
        self.now = 100.0
        self.slots = slots
        self.limits = Limits({"default_pool": 128} if pools is None else pools)
        self.names = (f"attempt{n}" for n in itertools.count(1))
        self.ids = itertools.count(1)

    def add_run(self, tasks: list[TaskSpec], key: int = 1, dag_id: str = "d", **fields: Any) -> Run:
        """A run that has just become running."""
        spec = DagSpec(dag_id, "f.py", tuple(tasks), {"kind": "null"}, **{"max_active_tasks": 1000, **fields})
        row = RunRow(
            key, dag_id, f"r{key}", "manual", "running", None, None, None, 1.0, "{}", "api", 1, "b", 1.0, 1.0
        )
        run = Run(row, make_plan(spec), DagRunState.RUNNING, 1.0)
        self.frontier.add(run)
        self.frontier.start(run, self.make_rows(run), self.now)
        return run

    def turn(self) -> list[str]:
        """Admit what may start and commit; the ids of the tasks that started."""
        changes = self.frontier.changes
        rooms = [Room(LINK, AGENT, self.slots - len(self.frontier.attempts))]
        admit(self.frontier, rooms, self.limits, self.now, lambda: next(self.names), lambda _digest: True)
        for task in changes.tasks.values():
            task.mark_saved()
        self._commit(changes)
        return [task.spec.task_id for task in changes.starts.get(LINK, [])]

    def report(self, task: Task, state: str, **fields: Any) -> None:
        """The task's live attempt ends like this."""
        outcome = messages.outcome(state, started_at=self.now, ended_at=self.now, **fields)
        reports.note_finished(self.frontier, LINK, messages.finished(task.attempt or "", outcome), self.now)

    def make_rows(self, run: Run) -> list[InstanceRow]:
        """The rows that a new run has."""
        return [self._row(run, task, i) for task in run.plan.spec.tasks for i in list_indexes(task)]

    def _commit(self, changes: Changes) -> None:
        for row in changes.xcoms.values():
            at = (int(row["run_id"].removeprefix("r")), row["task_id"], row["key"])
            self.xcoms.setdefault(at, {})[row["map_index"]] = row["length"]
        for growth in changes.growths:
            growth.ids = [(next(self.ids), index) for index in range(growth.first, growth.end)]
        grown = self.frontier.attach(changes.growths)
        self.frontier.changes = Changes()
        self.frontier.settle_grown(grown, self.now)

    def _row(self, run: Run, task: TaskSpec, map_index: int = -1) -> InstanceRow:
        key = next(self.ids)
        nothing: list[Any] = [None] * 8
        limits = (task.pool, task.pool_slots, task.priority_weight, task.queue)
        return InstanceRow(
            key, run.key, task.task_id, map_index, None, 0, task.retries + 1, None, None, *limits, *nothing, 0
        )


def states(run: Run) -> dict[str, str | None]:
    """State by task id, for runs without mapped tasks."""
    return {task.spec.task_id: task.state.value if task.state else None for task in run.tasks}


def spread(run: Run) -> dict[str, dict[int, str | None]]:
    """State by map index by task id."""
    return {
        tasks[0].spec.task_id: {task.map_index: task.state.value if task.state else None for task in tasks}
        for tasks in run.instances
    }


def find(run: Run, task_id: str, map_index: int = -1) -> Task:
    """A task of the run."""
    found = run.find_instance(run.plan.graph.index[task_id], map_index)
    assert found is not None, f"there is no {task_id}[{map_index}]"
    return found
