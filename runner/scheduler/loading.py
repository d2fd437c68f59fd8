"""Runs from the database into the frontier: all at the start, one when it is made, again when someone changed it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable

from airflow._wire import messages

from runner.domain.past import count_unmet
from runner.domain.skips import find_passed_over
from runner.domain.spec import DagSpec
from runner.domain.states import DagRunState, TaskInstanceState
from runner.scheduler import reports
from runner.scheduler.calls import want_for_listeners
from runner.scheduler.changes import RunMove, StopOrder
from runner.scheduler.frontier import Frontier
from runner.scheduler.instances import Run, Task
from runner.scheduler.plans import DagPlan, PlanCache
from runner.scheduler.queued import QueuedRuns
from runner.scheduler.timers import Kind, Timers
from runner.store import triggers, unfinished
from runner.store.dags import get_version
from runner.store.database import Connection
from runner.store.unfinished import RunRow

log = logging.getLogger(__name__)
_FORGOTTEN = "what it waited for is not known any more"
_MAY_HAVE_DEFERRED = frozenset({"deferred", "scheduled", "queued", "running"})


class Loader:
    """Keeps the frontier's runs as the database has them. Queued runs wait here for their DAG to have room."""

    def __init__(self, frontier: Frontier, timers: Timers) -> None:
        self._frontier = frontier
        self._timers = timers
        self._plans = PlanCache()
        self._queued = QueuedRuns()

    @property
    def waiting_dags(self) -> list[str]:
        """DAGs that have queued runs."""
        return self._queued.dag_ids

    def get_plan(self, conn: Connection, version_id: int) -> DagPlan:
        """The plan of a DAG version."""
        return self._plans.get(version_id, lambda key: get_version(conn, key))

    def get_spec(self, conn: Connection, version_id: int) -> DagSpec:
        """The DAG of a version."""
        return self.get_plan(conn, version_id).spec

    def load_all(self, conn: Connection, now: float) -> None:
        """Forget everything and read every unfinished run. Attempts that are not wanted any more are told to stop."""
        self._frontier.changes.has_reloaded = True
        live = list(self._frontier.attempts.values())
        self.forget(list(self._frontier.runs))
        for row in unfinished.load_runs(conn):
            self._put(conn, row, now)
        self._stop_unwanted(live)

    def load_new(self, conn: Connection, keys: Iterable[int], now: float) -> None:
        """Read the runs of `keys` that are not in memory."""
        unknown = [key for key in keys if key not in self._frontier.runs]
        for row in unfinished.load_runs(conn, unknown) if unknown else ():
            self._put(conn, row, now)

    def reload(self, conn: Connection, keys: Collection[int], now: float) -> None:
        """Read runs again. Attempts of theirs that are not wanted any more are told to stop."""
        self._frontier.changes.has_reloaded = True
        live = [task for task in self._frontier.attempts.values() if task.run.key in keys]
        self.forget(keys)
        self.load_new(conn, keys, now)
        self._stop_unwanted(live)

    def forget(self, keys: Iterable[int]) -> None:
        """Drop runs from memory."""
        for key in keys:
            run = self._frontier.drop(key)
            if run is not None:
                self._queued.drop(run)

    def activate(self, conn: Connection, dag_id: str, now: float) -> None:
        """Start queued runs of a DAG as long as it, or the backfill they belong to, may have more active ones."""
        active = Counter(
            self._frontier.runs[key].row.backfill for key in self._frontier.active.get(dag_id, ())
        )
        for run in self._queued.take(conn, dag_id, active, now):
            self._frontier.changes.runs.append(RunMove(run, DagRunState.QUEUED, DagRunState.RUNNING))
            run.start_date = now if run.start_date is None else run.start_date
            self._frontier.changes.callbacks += want_for_listeners(run, DagRunState.RUNNING, None)
            self._start(conn, run, now)

    def _stop_unwanted(self, live: Iterable[Task]) -> None:
        """Stop the attempts, of those that were live before, that the database does not have as such."""
        for task in live:
            after = self._frontier.attempts.get(task.attempt or "")
            if task.agent and task.attempt and (after is None or after.state is TaskInstanceState.RESTARTING):
                order = StopOrder(task.agent, task.attempt, "a user cleared or marked it")
                self._frontier.changes.stops.append(order)

    def _put(self, conn: Connection, row: RunRow, now: float) -> None:
        run = Run(row, self.get_plan(conn, row.version_id), DagRunState(row.state), row.start_date)
        self._frontier.add(run)
        if run.state is DagRunState.RUNNING:
            self._start(conn, run, now)
        else:
            self._queued.put(run)
            if row.run_after > now:
                self._timers.add(row.run_after, Kind.CREATION)

    def _start(self, conn: Connection, run: Run, now: float) -> None:
        if run.plan.needs_past:
            self._look_back(conn, run, now)
        rows = unfinished.load_instances(conn, run.key)
        skipped = find_passed_over(
            run.plan.graph,
            [(row.task_id, row.map_index, row.state) for row in rows],
            lambda: unfinished.list_skip_notes(conn, run.row),
        )
        for task in self._frontier.start(run, rows, now, skipped):
            self._timers.add(task.next_at or now, Kind.TASK, task.id)
        if any(row.start_date is not None and row.state in _MAY_HAVE_DEFERRED for row in rows):
            self._remember(conn, run, now)
        timeout = run.plan.spec.dagrun_timeout
        if timeout is not None and run.start_date is not None:
            self._timers.add(run.start_date + timeout, Kind.RUN, run.key)
        if run.plan.needs_past:
            self._look_ahead(conn, run, now)

    def _remember(self, conn: Connection, run: Run, now: float) -> None:
        """What tasks wait for. One that is deferred and has no row would wait for ever: it fails."""
        self._frontier.remember(triggers.load_deferrals(conn, run.key))
        for task in run.tasks:
            if task.state is TaskInstanceState.DEFERRED and task.deferral is None:
                facts = messages.outcome(
                    "failed", started_at=task.start_date, ended_at=now, reason=_FORGOTTEN
                )
                reports.apply_outcome(self._frontier, task, facts, now)

    def _look_back(self, conn: Connection, run: Run, now: float) -> None:
        found = unfinished.find_previous_run(conn, run.dag_id, run.row.logical_date, run.plan.spec.catchup)
        if found is None:
            return
        key, logical_date = found
        before = self._frontier.runs.get(key)
        if before is not None and before.instances:
            unmet = _count_all(before)
        else:
            unmet = unfinished.count_unmet(conn, key)
        self._frontier.follow(key, run, unmet, now, self._find_newcomers(conn, run, unmet, logical_date))

    def _find_newcomers(
        self, conn: Connection, run: Run, unmet: Collection[str], logical_date: float
    ) -> frozenset[str]:
        """The tasks that the run before does not have, and that need none for that."""
        specs = [run.plan.graph.tasks[i] for i in run.plan.needs_past]
        absent = {s.task_id for s in specs if s.ignore_first_depends_on_past and s.task_id not in unmet}
        if absent:
            absent -= unfinished.list_seasoned(conn, run.dag_id, run.row.logical_date or logical_date, absent)
        return frozenset(absent)

    def _look_ahead(self, conn: Connection, run: Run, now: float) -> None:
        if run.row.logical_date is None:
            return
        key = unfinished.find_next_run(conn, run.dag_id, run.row.logical_date)
        after = self._frontier.runs.get(key) if key is not None else None
        if after is not None and after.plan.needs_past:
            self._frontier.follow(run.key, after, _count_all(run), now, after.newcomers)


def _count_all(run: Run) -> dict[str, int]:
    """By task, how many of its instances have not ended well."""
    return {
        spec.task_id: count_unmet(task.state for task in tasks)
        for spec, tasks in zip(run.plan.graph.tasks, run.instances, strict=True)
        if tasks
    }
