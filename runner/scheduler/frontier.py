"""The unfinished runs in memory: which tasks may start, kept up to date in the out-degree of what ended.

No SQL and no clock: the loop loads rows, tells what happened, and writes what `Changes` collected.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from airflow._wire.defaults import MAP_LENGTH

from runner.domain.decide import is_legal
from runner.domain.runs import judge_end
from runner.domain.slots import ReadyQueue, Usage
from runner.domain.states import TERMINAL, DagRunState, TaskInstanceState
from runner.domain.trigger_rules import Outcome
from runner.scheduler.calls import want_for_run
from runner.scheduler.changes import Changes, Growth, RunMove
from runner.scheduler.expansion import FindLengths, attach, count_items, grow, list_surplus, shrink
from runner.scheduler.following import Followers
from runner.scheduler.instances import Place, Run, Task, fill_run
from runner.scheduler.judging import NOTHING_THERE, NOTHING_TO_MAP, REFUSALS, SURPLUS, judge
from runner.scheduler.waiting import Waiting
from runner.store.secrets import SecretBox
from runner.store.triggers import Deferral
from runner.store.unfinished import InstanceRow

_S = TaskInstanceState
NOBODY: Mapping[tuple[str, int], str] = MappingProxyType({})
_SLEEPING = frozenset({_S.UP_FOR_RETRY, _S.UP_FOR_RESCHEDULE})
_KEEPS_DEFERRAL = frozenset({_S.DEFERRED, _S.SCHEDULED, _S.QUEUED, _S.RUNNING, _S.RESTARTING})


class Frontier:
    """All unfinished runs. `changes` is replaced at the start of every turn.

    `find_lengths` reads what tasks left that others are mapped over; `box` seals what deferred tasks wait with.
    """

    def __init__(
        self, find_lengths: FindLengths, max_map_length: int = MAP_LENGTH, box: SecretBox | None = None
    ) -> None:
        self.find_lengths = find_lengths
        self.max_map_length = max_map_length
        self.box = box
        self.runs: dict[int, Run] = {}
        self.tasks: dict[int, Task] = {}
        self.attempts: dict[str, Task] = {}
        """Attempt -> the task instance that it is the live try of."""
        self.active: dict[str, set[int]] = {}
        """DAG -> its running runs."""
        self.queue = ReadyQueue()
        self.usage = Usage()
        self.changes = Changes()
        self.fresh: list[Task] = []
        """Tasks that began to wait for a slot in this turn."""
        self.waiting = Waiting(self.usage)
        self.starting: dict[int, Task] = {}
        """Ready tasks that begin with a trigger and need no slot."""
        self.held_back: dict[int, Task] = {}
        """Ready tasks that wait for something else than a slot: `tries.admit` says for what."""
        self._followers = Followers(self.runs)

    # ---- runs come and go

    def add(self, run: Run) -> None:
        """Know of a run. A running one is then given its tasks by `start`."""
        self.runs[run.key] = run

    def start(
        self, run: Run, rows: list[InstanceRow], now: float, skipped: Mapping[tuple[str, int], str] = NOBODY
    ) -> list[Task]:
        """Take up a run with its task instances; the tasks that sleep until their `next_at`.

        `skipped`: by task id and map index what a task decided of them that is over (`domain.skips`).
        """
        fill_run(run, rows)
        run.state = DagRunState.RUNNING
        self.active.setdefault(run.dag_id, set()).add(run.key)
        for task in run.tasks:
            self.tasks[task.id] = task
            if task.is_live:
                self.usage.take(task.demand)
                if task.attempt:
                    self.attempts[task.attempt] = task
            elif task.state is _S.SCHEDULED:
                self.queue.add(task.demand)
            elif task.state is _S.DEFERRED:
                self.waiting.begin(task)
            if skipped and (by := skipped.get((task.spec.task_id, task.map_index))) is not None:
                self.move(task, _S.SKIPPED, f"decided by {by} before it was cleared")
                task.end_date = now
        self.settle(((run, i, None) for i in run.plan.graph.order), now)
        self.finish_if_over(run)
        return [task for task in run.tasks if task.state in _SLEEPING or task.next_at is not None]

    def remember(self, deferrals: Mapping[int, Deferral]) -> None:
        """Give tasks of a run that has just been started what they wait for, or what resumed them."""
        for key, deferral in deferrals.items():
            task = self.tasks.get(key)
            if task is not None:  # its DAG may have lost it
                self.waiting.put(task, deferral)

    def drop(self, key: int) -> Run | None:
        """Forget a run: it is over, gone, or about to be read again."""
        run = self.runs.pop(key, None)
        if run is None:
            return None
        self.active.get(run.dag_id, set()).discard(key)
        self._followers.forget(key)
        for task in run.tasks:
            self.tasks.pop(task.id, None)
            self.queue.discard(task.id)
            self.changes.tasks.pop(task.id, None)
            if task.is_live:
                self.usage.take(task.demand, -1)
            elif task.state is _S.DEFERRED:
                self.waiting.end(task)
            self.starting.pop(task.id, None)
            self.held_back.pop(task.id, None)
            if task.attempt and self.attempts.get(task.attempt) is task:
                del self.attempts[task.attempt]
        return run

    def follow(
        self,
        previous: int,
        run: Run,
        unmet: dict[str, int],
        now: float,
        newcomers: frozenset[str] = frozenset(),
    ) -> None:
        """Let a run look at the run before it: of each task, how many instances have not ended well there.

        `newcomers`: tasks that need no run before.
        """
        self._followers.put(previous, run)
        run.previous, run.newcomers = unmet, newcomers
        if run.instances:
            self.settle(((run, i, None) for i in run.plan.needs_past), now)

    def attach(self, growths: Sequence[Growth]) -> list[tuple[int, int]]:
        """Take in the instances that have been written; for `settle_grown` in the next turn."""
        grown = []
        for growth in growths:
            run, position = growth.pattern.run, growth.pattern.position
            if self.runs.get(run.key) is run:
                self.tasks.update((task.id, task) for task in attach(growth))
                grown.append((run.key, position))
        return grown

    def settle_grown(self, grown: Iterable[tuple[int, int]], now: float) -> None:
        """Look at tasks, by run and position, that have new instances, and at what goes with these."""
        places: list[Place] = []
        for key, position in grown:
            run = self.runs.get(key)
            if run is not None and run.instances:
                near = run.plan.spread.inside_down.get(position, ())
                places += [(run, i, None) for i in (position, *near)]
        self.settle(places, now)

    def drop_growths(self, run: Run) -> None:
        """Take back what this turn wanted to add to a run."""
        for growth in self.changes.growths:
            if growth.pattern.run is run:
                shrink(growth)
                self._followers.count(growth.pattern, growth.first - growth.end)
        self.changes.growths = [growth for growth in self.changes.growths if growth.pattern.run is not run]

    # ---- tasks move

    def move(self, task: Task, state: TaskInstanceState | None, reason: str | None = None) -> None:
        """Change a task's state and every count that hangs on it. `settle` then finds what follows."""
        old, run = task.state, task.run
        if not is_legal(old, state):
            raise ValueError(
                f"cannot move {run.dag_id}.{task.spec.task_id} from {old} to {state}: no such step"
            )
        was_live = task.is_live
        task.state, task.reason = state, reason
        if was_live and not task.is_live:
            self.usage.take(task.demand, -1)
            if task.attempt:
                self.attempts.pop(task.attempt, None)
        if old is _S.DEFERRED:
            if task.deferral is not None:
                self.changes.cancels.append(task.deferral.token)
            self.waiting.end(task)
        elif state is _S.DEFERRED:
            self.waiting.begin(task)
        if task.deferral is not None and state not in _KEEPS_DEFERRAL:
            task.deferral = self.changes.deferrals[task.id] = None
        self.starting.pop(task.id, None)
        run.idle += (state is None) - (old is None)
        if state in TERMINAL:
            self._count_end(task, old)
        if state is not _S.SCHEDULED:
            self.queue.discard(task.id)
            self.held_back.pop(task.id, None)
        self.changes.tasks[task.id] = task

    def end(self, task: Task, state: TaskInstanceState, now: float, reason: str | None = None) -> None:
        """Move a task to a terminal state now, and let what waits for it follow."""
        self.move(task, state, reason)
        task.end_date, task.next_at = now, None
        self.settle(self.find_affected(task), now)
        self.finish_if_over(task.run)

    def wake(self, task: Task, now: float) -> None:
        """A task's time has come: it waits for a slot, or is looked at again when it was cleared."""
        if task.state in _SLEEPING and (task.next_at or 0.0) <= now:
            self._let_wait(task)
        elif task.state is None:
            self.settle([(task.run, task.position, task.map_index)], now)

    def find_affected(self, task: Task) -> list[Place]:
        """Where to look after the task ended: downstream, at watching teardowns, and in the run after."""
        run, position, spread = task.run, task.position, task.run.plan.spread
        if not spread.groups:
            places: list[Place] = [(run, j, None) for j in spread.outside_down[position]]
            places += [(run, j, None) for j in run.plan.watchers.get(position, ())]
            return places + self._followers.find_places(task)
        places = [(run, j, None) for j in spread.outside_down[position] if run.has_news(j)]
        own = task.map_index if task.map_index >= 0 else None
        places += [(run, j, own) for j in spread.inside_down.get(position, ())]
        for j in run.plan.watchers.get(position, ()):
            places.append((run, j, own if spread.is_pair(position, j) else None))
        return places + self._followers.find_places(task)

    def settle(self, places: Iterable[Place], now: float) -> None:
        """Look at tasks that have not started, and at all that follows from what is decided there."""
        todo = deque(places)
        touched: dict[int, Run] = {}
        while todo:
            run, position, map_index = todo.popleft()
            touched[run.key] = run
            if run.state is DagRunState.RUNNING:
                todo.extend(self._look(run, position, map_index, now))
        for run in touched.values():
            self.finish_if_over(run)

    def finish_if_over(self, run: Run) -> None:
        """End a run none of whose tasks is unfinished."""
        if run.unfinished or run.state is not DagRunState.RUNNING:
            return
        state = judge_end(run.list_leaves())
        self.end_run(
            run, state, None if state is DagRunState.SUCCESS else "a task that decides its end failed"
        )

    def end_run(self, run: Run, state: DagRunState, reason: str | None) -> None:
        """End a run. It stays in memory until the turn is committed."""
        self.drop_growths(run)
        self.changes.runs.append(RunMove(run, run.state, state, reason))
        self.changes.callbacks += want_for_run(run, state, reason)
        run.state = state
        self.active.get(run.dag_id, set()).discard(run.key)

    def is_stuck(self, run: Run) -> bool:
        """Nothing of the run is under way, ready or asleep, no task can start, and no earlier run can change that."""
        if run.state is not DagRunState.RUNNING or not run.unfinished or run.idle != run.unfinished:
            return False
        if run.growing:
            return False
        waiting = [task for task in run.tasks if task.state is None]
        return not any(
            task.id in self.queue or task.id in self.starting or task.position in run.plan.needs_past
            for task in waiting
        )

    # ---- inside

    def _look(self, run: Run, position: int, map_index: int | None, now: float) -> Sequence[Place]:
        """Decide on the instances of a task that have not started; where to look next."""
        tasks = run.instances[position]
        if len(tasks) == 1:
            task = tasks[0]
            if task.state is not None or (run.growing and position in run.growing):
                return ()
            return self._decide(task, judge(task), now)
        return self._look_at_many(run, position, map_index, now)

    def _look_at_many(self, run: Run, position: int, map_index: int | None, now: float) -> list[Place]:
        """Decide on instances of a mapped task. Where all stand alike one is asked for all."""
        tasks = run.instances[position]
        if map_index is not None:
            one = run.find_instance(position, map_index)
            tasks = [one] if one is not None else []
        first = next((task for task in tasks if task.state is None), None)
        if first is None or position in run.growing:
            return []
        is_shared = position not in run.plan.spread.inside_up and not run.counts[position].removed
        outcome = judge(first)
        if is_shared and outcome is Outcome.WAIT:
            return []
        places: list[Place] = []
        for task in tasks:
            if task.state is None:
                places += self._decide(task, outcome if is_shared else judge(task), now)
        return places

    def _decide(self, task: Task, outcome: Outcome, now: float) -> Sequence[Place]:
        """Do what was decided of a task that has not started; where to look next."""
        if outcome is Outcome.WAIT:
            return ()
        if outcome in REFUSALS:
            state, reason = REFUSALS[outcome]
            return self._settle_at(task, state, now, reason)
        if task.needs_expansion:
            return self._expand(task, now)
        places = self._measure(task, now) if task.spec.lengths is not None else []
        if task.state is not None:
            return places
        if task.spec.noop:
            task.start_date = now
            task.try_number += 1
            return places + self._settle_at(task, _S.SUCCESS, now)
        self._let_wait(task)
        return places

    def _settle_at(
        self, task: Task, state: TaskInstanceState, now: float, reason: str | None = None
    ) -> list[Place]:
        self.move(task, state, reason)
        task.end_date = now
        return self.find_affected(task)

    def _expand(self, task: Task, now: float) -> list[Place]:
        """Give a mapped task its instances. They are there in the next turn."""
        count = count_items(task, self.find_lengths, self.changes)
        if count is None:
            return self._settle_at(task, _S.UPSTREAM_FAILED, now, NOTHING_THERE)
        if not count:
            return self._settle_at(task, _S.SKIPPED, now, NOTHING_TO_MAP)
        self._grow(task, count)
        run = task.run
        return [(run, j, None) for j in run.plan.spread.inside_down.get(task.position, ())]

    def _measure(self, task: Task, now: float) -> list[Place]:
        """Once before instances of an expanded task start: are there as many as there are items, now?

        What a task is mapped over changes when the task that left it runs again.
        """
        run = task.run
        if task.position in run.measured:
            return []
        run.measured.add(task.position)
        count = count_items(task, self.find_lengths, self.changes)
        if count is None:
            return []
        places: list[Place] = []
        for other in list_surplus(task, count):
            places += self._settle_at(other, _S.REMOVED, now, SURPLUS)
        if count > run.widths[task.position]:
            self._grow(task, count)
        return places

    def _grow(self, task: Task, count: int) -> None:
        growth = grow(task, count)
        self.changes.growths.append(growth)
        self._followers.count(task, growth.end - growth.first)

    def _let_wait(self, task: Task) -> None:
        if task.spec.start_trigger is not None and (task.start_date is None or task.state is _S.UP_FOR_RETRY):
            self.starting[task.id] = task
            return
        self.queue.add(task.demand)
        self.fresh.append(task)

    def _count_end(self, task: Task, old: TaskInstanceState | None) -> None:
        """Count an end, or that what was over is removed, wherever instances are counted."""
        run = task.run
        if old in TERMINAL:
            run.count_state(task.position, old, -1)
        else:
            run.unfinished -= 1
        run.count_state(task.position, task.state, 1)
        self._followers.count_end(task, old)
