"""An unfinished run and its task instances as the scheduler holds them in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from runner.domain.slots import Demand
from runner.domain.spec import TaskSpec
from runner.domain.states import LIVE, TERMINAL, DagRunState, TaskInstanceState
from runner.domain.trigger_rules import Counts
from runner.scheduler.plans import DagPlan
from runner.store.triggers import Deferral
from runner.store.unfinished import CHANGEABLE, InstanceRow, RunRow

Place = tuple["Run", int, int | None]
"""A run, a task in it, and one of its map indexes; None: all of them."""


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

    @property
    def needs_expansion(self) -> bool:
        """Does it stand for instances that are not there yet?"""
        return self.map_index < 0 and self.spec.lengths is not None

    @property
    def is_newly_scheduled(self) -> bool:
        """Is it to be written that it waits for a slot, and nothing else?"""
        return (
            self.state is TaskInstanceState.SCHEDULED
            and self.saved_state is None
            and self.saved_attempt is None
            and self.try_number == 0
        )

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
    """An unfinished run. A queued one has no tasks in memory yet.

    What is kept per task is a list by the task's position in the graph.
    """

    row: RunRow
    plan: DagPlan
    state: DagRunState
    start_date: float | None
    instances: list[list[Task]] = field(default_factory=list)
    """Of each task, by map index; a task that is not mapped, or not expanded yet, has one."""
    widths: list[int] = field(default_factory=list)
    """How many instances each task has, with those that this turn adds."""
    counts: list[Counts] = field(default_factory=list)
    """Of all instances of the upstreams that the task meets as a whole (`domain.spread`)."""
    totals: list[int] = field(default_factory=list)
    """How many those are."""
    inside: dict[int, Counts] = field(default_factory=dict)
    """Of all instances of the upstreams in the same mapped group, for tasks that look at them (`Spread.eager`)."""
    looked: dict[int, tuple[bool, ...]] = field(default_factory=dict)
    """What the counts said when all instances of a task were looked at last."""
    growing: set[int] = field(default_factory=set)
    """Tasks whose new instances this turn writes; they are in memory when that is committed."""
    measured: set[int] = field(default_factory=set)
    """Mapped tasks whose number of instances was compared with what they are mapped over."""
    unfinished: int = 0
    idle: int = 0
    """Unfinished tasks that wait for nothing but other tasks: a run with no others is stuck."""
    previous: dict[str, int] | None = None
    """By task, how many of its instances did not end well in the run before; None: there is no run before."""
    newcomers: frozenset[str] = frozenset()
    """Tasks that no run before had, or need to have had."""
    facts: dict[str, Any] | None = None

    @property
    def key(self) -> int:
        return self.row.id

    @property
    def dag_id(self) -> str:
        return self.row.dag_id

    @property
    def tasks(self) -> list[Task]:
        """All task instances."""
        return list(chain.from_iterable(self.instances))

    def find_instance(self, position: int, map_index: int) -> Task | None:
        """One instance of a task."""
        tasks = self.instances[position]
        if 0 <= map_index < len(tasks) and tasks[map_index].map_index == map_index:
            return tasks[map_index]
        return next((task for task in tasks if task.map_index == map_index), None)

    def find_relevant(self, task: Task, position: int) -> list[Task]:
        """The instances of another task that an instance has to do with."""
        others = self.instances[position]
        if not self.plan.spread.is_pair(task.position, position) or (others and others[0].map_index < 0):
            return others
        if task.map_index < 0:
            return others if task.position in self.plan.spread.eager else []
        found = self.find_instance(position, task.map_index)
        return [] if found is None else [found]

    def count_relevant(self, task: Task) -> tuple[Counts, int]:
        """How the upstream instances that a task instance has to do with stand, and how many there are."""
        position, spread = task.position, self.plan.spread
        counts, total = self.counts[position], self.totals[position]
        if position not in spread.inside_up:
            return counts, total
        counts = counts.copy()
        if task.map_index < 0 and position in self.inside:
            counts.add_all(self.inside[position])
            return counts, total + sum(self.widths[j] for j in spread.inside_up[position])
        for j in spread.inside_up[position]:
            is_setup = self.plan.graph.tasks[j].is_setup
            for other in self.find_relevant(task, j):
                counts.add(other.state, 1, is_setup)
                counts.setups += is_setup
                total += 1
        return counts, total

    def widen(self, position: int, more: int) -> None:
        """Count in instances that have no state yet."""
        self.widths[position] += more
        self.unfinished += more
        self.idle += more
        setups = more if self.plan.graph.tasks[position].is_setup else 0
        for j in self.plan.spread.outside_down[position]:
            self.totals[j] += more
            self.counts[j].setups += setups
        for j in self.plan.spread.inside_down.get(position, ()):
            if j in self.inside:
                self.inside[j].setups += setups

    def count_state(self, position: int, state: TaskInstanceState | None, amount: int) -> None:
        """Count an instance of a task in or out of a state, wherever all of its instances are counted."""
        spread, is_setup = self.plan.spread, self.plan.graph.tasks[position].is_setup
        for j in spread.outside_down[position]:
            self.counts[j].add(state, amount, is_setup)
        if self.inside:
            for j in spread.inside_down.get(position, ()):
                if j in self.inside:
                    self.inside[j].add(state, amount, is_setup)

    def has_news(self, position: int) -> bool:
        """May what has just been counted change anything for the instances of a task, all of which look at it?

        Asked before thousands of instances are looked at for each of thousands of upstream instances.
        """
        if self.widths[position] == 1 or position not in self.plan.spread.inside_up:
            return True
        seen = self.counts[position].sign(self.totals[position])
        is_new = self.looked.get(position) != seen or self.counts[position].removed > 0
        self.looked[position] = seen
        return is_new

    def list_leaves(self) -> Iterator[TaskInstanceState | None]:
        """The states that decide how it ends."""
        for position in self.plan.leaves:
            for task in self.instances[position]:
                if task.state is not TaskInstanceState.REMOVED:
                    yield task.state


def fill_run(run: Run, rows: list[InstanceRow]) -> None:
    """Give a run its task instances and count how they stand. A task that the plan does not have is left out."""
    graph, size = run.plan.graph, len(run.plan.graph.tasks)
    run.instances = [[] for _ in range(size)]
    run.widths, run.totals = [0] * size, [0] * size
    run.counts = [Counts() for _ in range(size)]
    run.inside = {i: Counts() for i in run.plan.spread.eager}
    run.looked, run.growing, run.measured = {}, set(), set()
    run.unfinished = run.idle = 0
    for row in rows:
        position = graph.index.get(row.task_id)
        if position is not None:
            run.instances[position].append(make_task(run, position, row))
    for position, tasks in enumerate(run.instances):
        tasks.sort(key=lambda task: task.map_index)
        run.widen(position, len(tasks))
        for task in tasks:
            run.count_state(position, task.state, 1)
            run.unfinished -= task.state in TERMINAL
            run.idle -= task.state is not None


def make_task(run: Run, position: int, row: InstanceRow) -> Task:
    """A row as it is held in memory."""
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


_COUNTED = frozenset({"state", "try_number", "reschedules"})


def make_sibling(pattern: Task, key: int, map_index: int) -> Task:
    """A new instance of a mapped task, as `store.unfinished.grow_task` has just made its row."""
    demand = pattern.demand
    row = InstanceRow(
        id=key,
        run=pattern.run.key,
        task_id=pattern.spec.task_id,
        map_index=map_index,
        state=None,
        try_number=0,
        max_tries=pattern.spec.retries + 1,
        pool=demand.pool,
        pool_slots=demand.pool_slots,
        priority_weight=demand.priority,
        queue=pattern.queue,
        reschedules=0,
        **dict.fromkeys(name for name in CHANGEABLE if name not in _COUNTED),
    )
    return make_task(pattern.run, pattern.position, row)
