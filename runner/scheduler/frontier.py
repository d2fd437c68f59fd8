"""The unfinished runs in memory: which tasks may start, kept up to date in the out-degree of what ended.

No SQL and no clock: the loop loads rows, tells what happened, and writes what `Changes` collected.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from runner.domain.decide import is_legal, judge_start
from runner.domain.past import is_past_met
from runner.domain.runs import judge_end
from runner.domain.slots import ReadyQueue, Usage
from runner.domain.states import TERMINAL, DagRunState, TaskInstanceState
from runner.domain.trigger_rules import Outcome
from runner.scheduler.changes import Changes, RunMove
from runner.scheduler.instances import Run, Task, fill_run
from runner.store.secrets import SecretBox
from runner.store.triggers import Deferral
from runner.store.unfinished import InstanceRow

_S = TaskInstanceState
_SLEEPING = frozenset({_S.UP_FOR_RETRY, _S.UP_FOR_RESCHEDULE})
_KEEPS_DEFERRAL = frozenset({_S.DEFERRED, _S.SCHEDULED, _S.QUEUED, _S.RUNNING, _S.RESTARTING})
_REFUSALS = {
    Outcome.SKIP: (_S.SKIPPED, "its trigger rule cannot be met: it is skipped"),
    Outcome.UPSTREAM_FAILED: (_S.UPSTREAM_FAILED, "a task that it depends on failed"),
    Outcome.REMOVED: (_S.REMOVED, "its DAG has no such task any more"),
}
Place = tuple[Run, int]


class Frontier:
    """All unfinished runs. `changes` is replaced at the start of every turn."""

    def __init__(self, box: SecretBox | None = None) -> None:
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
        self.waiting: dict[str, Task] = {}
        """Token of a deferral -> the deferred task."""
        self.starting: dict[int, Task] = {}
        """Ready tasks that begin with a trigger and need no slot."""
        self._followers: dict[int, int] = {}

    # ---- runs come and go

    def add(self, run: Run) -> None:
        """Know of a run. A running one is then given its tasks by `start`."""
        self.runs[run.key] = run

    def start(self, run: Run, rows: list[InstanceRow], now: float) -> list[Task]:
        """Take up a run with its task instances; the tasks that sleep until their `next_at`."""
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
                self.usage.wait(task.demand)
        self.settle(((run, i) for i in run.plan.graph.order), now)
        self.finish_if_over(run)
        return [task for task in run.tasks if task.state in _SLEEPING or task.next_at is not None]

    def remember(self, deferrals: Mapping[int, Deferral]) -> None:
        """Give tasks of a run that has just been started what they wait for, or what resumed them."""
        for key, deferral in deferrals.items():
            task = self.tasks[key]
            task.deferral = deferral
            if task.state is _S.DEFERRED:
                self.waiting[deferral.token] = task

    def drop(self, key: int) -> Run | None:
        """Forget a run: it is over, gone, or about to be read again."""
        run = self.runs.pop(key, None)
        if run is None:
            return None
        self.active.get(run.dag_id, set()).discard(key)
        self._followers.pop(key, None)
        for task in run.tasks:
            self.tasks.pop(task.id, None)
            self.queue.discard(task.id)
            self.changes.tasks.pop(task.id, None)
            if task.is_live:
                self.usage.take(task.demand, -1)
            elif task.state is _S.DEFERRED:
                self._end_wait(task)
            self.starting.pop(task.id, None)
            if task.attempt and self.attempts.get(task.attempt) is task:
                del self.attempts[task.attempt]
        return run

    def follow(
        self, previous: int, run: Run, states: dict[str, TaskInstanceState | None], now: float
    ) -> None:
        """Let a run look at the run before it, whose tasks stand like this."""
        self._followers[previous] = run.key
        run.previous = states
        if run.tasks:
            self.settle(((run, i) for i in run.plan.needs_past), now)

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
            self._leave_trigger(task)
        elif state is _S.DEFERRED:
            self.usage.wait(task.demand)
        if task.deferral is not None and state not in _KEEPS_DEFERRAL:
            task.deferral = self.changes.deferrals[task.id] = None
        self.starting.pop(task.id, None)
        run.idle += (state is None) - (old is None)
        if state in TERMINAL:
            run.unfinished -= 1
            is_setup = task.spec.is_setup
            for j in run.plan.graph.downstream[task.position]:
                run.counts[j].add(state, 1, is_setup)
        if state is not _S.SCHEDULED:
            self.queue.discard(task.id)
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
            self.settle([(task.run, task.position)], now)

    def find_affected(self, task: Task) -> list[Place]:
        """Where to look after the task ended: downstream, at watching teardowns, and in the run after."""
        run = task.run
        places = [(run, j) for j in run.plan.graph.downstream[task.position]]
        places += [(run, j) for j in run.plan.watchers.get(task.position, ())]
        return places + self._find_followers(task)

    def settle(self, places: Iterable[Place], now: float) -> None:
        """Look at tasks that have not started, and at all that follows from what is decided there."""
        todo = deque(places)
        touched: dict[int, Run] = {}
        while todo:
            run, position = todo.popleft()
            task = run.tasks[position]
            touched[run.key] = run
            if task.state is None and run.state is DagRunState.RUNNING and self._decide(task, now):
                todo.extend(self.find_affected(task))
        for run in touched.values():
            self.finish_if_over(run)

    def finish_if_over(self, run: Run) -> None:
        """End a run none of whose tasks is unfinished."""
        if run.unfinished or run.state is not DagRunState.RUNNING:
            return
        state = judge_end(run.tasks[i].state for i in run.plan.leaves)
        self.end_run(
            run, state, None if state is DagRunState.SUCCESS else "a task that decides its end failed"
        )

    def end_run(self, run: Run, state: DagRunState, reason: str | None) -> None:
        """End a run. It stays in memory until the turn is committed."""
        self.changes.runs.append(RunMove(run, run.state, state, reason))
        run.state = state
        self.active.get(run.dag_id, set()).discard(run.key)

    def is_stuck(self, run: Run) -> bool:
        """Nothing of the run is under way, ready or asleep, no task can start, and no earlier run can change that."""
        if run.state is not DagRunState.RUNNING or not run.unfinished or run.idle != run.unfinished:
            return False
        waiting = [task for task in run.tasks if task.state is None]
        return not any(
            task.id in self.queue or task.id in self.starting or task.position in run.plan.needs_past
            for task in waiting
        )

    # ---- inside

    def _decide(self, task: Task, now: float) -> bool:
        """Decide on a task that has not started; True when that ended it."""
        run = task.run
        extras = run.plan.extras.get(task.position)
        states = run.states if extras else ()
        outcome = judge_start(run.plan.graph, task.position, run.counts[task.position], states, extras)
        if outcome in _REFUSALS:
            state, reason = _REFUSALS[outcome]
            self.move(task, state, reason)
            task.end_date = now
            return True
        if outcome is Outcome.WAIT or not self._is_past_met(task):
            return False
        if task.spec.noop:
            self.move(task, _S.SUCCESS)
            task.start_date = task.end_date = now
            return True
        self._let_wait(task)
        return False

    def _leave_trigger(self, task: Task) -> None:
        if task.deferral is not None:
            self.changes.cancels.append(task.deferral.token)
        self._end_wait(task)

    def _end_wait(self, task: Task) -> None:
        self.usage.wait(task.demand, -1)
        if task.deferral is not None:
            self.waiting.pop(task.deferral.token, None)

    def _let_wait(self, task: Task) -> None:
        if task.spec.start_trigger is not None and (task.start_date is None or task.state is _S.UP_FOR_RETRY):
            self.starting[task.id] = task
            return
        self.queue.add(task.demand)
        self.fresh.append(task)

    def _is_past_met(self, task: Task) -> bool:
        run = task.run
        if run.previous is None or task.position not in run.plan.needs_past:
            return True
        below = run.plan.graph.downstream[task.position] if task.spec.wait_for_downstream else ()
        downstream = [run.previous.get(run.tasks[j].spec.task_id) for j in below]
        return is_past_met(run.previous.get(task.spec.task_id), downstream)

    def _find_followers(self, task: Task) -> list[Place]:
        after = self.runs.get(self._followers.get(task.run.key, -1))
        if after is None or after.previous is None:
            return []
        after.previous[task.spec.task_id] = task.state
        position = after.plan.graph.index.get(task.spec.task_id)
        if position is None or not after.tasks:
            return []
        near = {position, *after.plan.graph.upstream[position]}
        return [(after, i) for i in near & after.plan.needs_past]
