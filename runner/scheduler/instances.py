"""An unfinished run and its task instances as the scheduler holds them in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runner.domain.decide import count_upstreams
from runner.domain.slots import Demand
from runner.domain.spec import TaskSpec
from runner.domain.states import LIVE, TERMINAL, DagRunState, TaskInstanceState
from runner.domain.trigger_rules import Counts
from runner.scheduler.plans import DagPlan
from runner.store.triggers import Deferral
from runner.store.unfinished import CHANGEABLE, InstanceRow, RunRow


@dataclass(slots=True, eq=False)
class Task:
    """A task instance. What is in the database stays in `saved_*` until the turn's transaction is committed."""

    id: int
    run: Run
    position: int
    spec: TaskSpec
    max_tries: int
    demand: Demand
    state: TaskInstanceState | None
    try_number: int
    attempt: str | None
    agent: str | None
    scheduled_at: float | None
    queued_at: float | None
    start_date: float | None
    end_date: float | None
    next_at: float | None
    pid: int | None
    host: str | None
    reason: str | None
    reschedules: int
    map_index: int = -1
    queue: str = "default"
    saved_state: TaskInstanceState | None = None
    saved_attempt: str | None = None
    deferral: Deferral | None = None
    """What it waits for, or what it was resumed by."""

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    def to_row(self) -> dict[str, Any]:
        """The task instance as `store.unfinished.save_instances` writes it."""
        row: dict[str, Any] = {f"to_{name}": getattr(self, name) for name in CHANGEABLE}
        row["to_state"] = self.state.value if self.state else None
        row["key"] = self.id
        row["from_state"] = self.saved_state.value if self.saved_state else None
        row["from_attempt"] = self.saved_attempt
        return row

    def mark_saved(self) -> None:
        """What is in memory is committed."""
        self.saved_state, self.saved_attempt = self.state, self.attempt


@dataclass(slots=True, eq=False)
class Run:
    """An unfinished run. A queued one has no tasks in memory yet."""

    row: RunRow
    plan: DagPlan
    state: DagRunState
    start_date: float | None
    tasks: list[Task] = field(default_factory=list)
    counts: list[Counts] = field(default_factory=list)
    unfinished: int = 0
    idle: int = 0
    """Unfinished tasks that wait for nothing but other tasks: a run with no others is stuck."""
    previous: dict[str, TaskInstanceState | None] | None = None
    """How the tasks of the run before stand; None: there is no run before."""
    facts: dict[str, Any] | None = None

    @property
    def key(self) -> int:
        return self.row.id

    @property
    def dag_id(self) -> str:
        return self.row.dag_id

    @property
    def states(self) -> list[TaskInstanceState | None]:
        return [task.state for task in self.tasks]


def fill_run(run: Run, rows: list[InstanceRow]) -> None:
    """Give a run its task instances and count how they stand. A task that the plan does not have is left out."""
    index = run.plan.graph.index
    placed = {index[row.task_id]: row for row in rows if row.task_id in index}
    run.tasks = [_make_task(run, i, placed[i]) for i in range(len(index))]
    states = run.states
    run.counts = [count_upstreams(run.plan.graph, i, states) for i in range(len(states))]
    run.unfinished = sum(state not in TERMINAL for state in states)
    run.idle = sum(state is None for state in states)


def _make_task(run: Run, position: int, row: InstanceRow) -> Task:
    spec = run.plan.graph.tasks[position]
    state = TaskInstanceState(row.state) if row.state else None
    demand = Demand(
        row.id,
        run.dag_id,
        run.key,
        spec.task_id,
        row.pool,
        row.pool_slots,
        row.priority_weight,
        run.row.run_after,
        run.plan.spec.max_active_tasks,
        spec.max_active_tis_per_dag,
        spec.max_active_tis_per_dagrun,
    )
    return Task(
        id=row.id,
        run=run,
        position=position,
        spec=spec,
        max_tries=row.max_tries,
        demand=demand,
        **{name: getattr(row, name) for name in CHANGEABLE if name != "state"},
        state=state,
        map_index=row.map_index,
        queue=row.queue,
        saved_state=state,
        saved_attempt=row.attempt,
    )
