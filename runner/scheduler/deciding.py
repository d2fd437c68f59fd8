"""A turn's decisions: from a batch and what is in memory to `Changes`. It reads the database and never writes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from airflow._wire.cell import CellSpec
from airflow._wire.defaults import MAP_LENGTH
from airflow._wire.frames import Message

from runner.domain.deadlines import list_asked
from runner.domain.partition_runs import MOST_KEYS
from runner.domain.slots import Limits
from runner.domain.spec import DagSpec
from runner.domain.states import RUN_TERMINAL, DagRunState, TaskInstanceState
from runner.domain.workers import Bounds, Workers, find_room, scale
from runner.scheduler import creation, firing, reports
from runner.scheduler.asset_runs import AssetRuns
from runner.scheduler.batch import Batch
from runner.scheduler.callbacks import Callbacks
from runner.scheduler.calls import want_for_promises
from runner.scheduler.changes import Changes
from runner.scheduler.consulting import NextRuns
from runner.scheduler.creation import Created
from runner.scheduler.elsewhere import HasBundle, list_elsewhere
from runner.scheduler.frontier import Frontier
from runner.scheduler.instances import Run
from runner.scheduler.link import AgentLink
from runner.scheduler.loading import Loader
from runner.scheduler.polling import find_strays
from runner.scheduler.timers import Kind, Timers
from runner.scheduler.tries import Room, admit
from runner.scheduler.watching import list_standing
from runner.store import dags, deadlines, unfinished
from runner.store.asset_queue import is_waiting
from runner.store.database import Connection, Database
from runner.store.secrets import SecretBox

log = logging.getLogger(__name__)
_TIMED_OUT = "its run took longer than dagrun_timeout"
_STUCK = "no task of it can start any more, though some have not ended"
_TIMED = frozenset({TaskInstanceState.UP_FOR_RETRY, TaskInstanceState.UP_FOR_RESCHEDULE, None})


@dataclass(frozen=True, slots=True)
class Rules:
    """What the environment's generation and configuration decide."""

    generation: int
    fresh_interpreter: bool = False
    max_map_length: int = MAP_LENGTH
    makes_runs: bool = True
    """False ([scheduler] use_job_schedule): neither timetables nor assets make runs; people still may."""
    workers: Bounds = field(default_factory=Bounds)
    most_keys: int = MOST_KEYS


def read_rules(spec: CellSpec) -> Rules:
    """The rules that a cell's spec sets."""
    return Rules(
        spec.generation,
        spec.flag("core", "execute_tasks_new_python_interpreter", False),
        int(spec.number("core", "max_map_length", MAP_LENGTH)),
        spec.flag("scheduler", "use_job_schedule", True),
        Bounds(spec.tasks_per_worker, spec.min_workers, spec.max_workers, spec.draining),
        int(spec.number("scheduler", "partition_mapper_max_downstream_keys", MOST_KEYS)),
    )


class Decider:
    """The scheduler's memory and its judgement."""

    def __init__(
        self,
        db: Database,
        rules: Rules,
        new_attempt: Callable[[], str],
        next_runs: NextRuns,
        box: SecretBox | None = None,
        has_bundle: HasBundle = lambda _digest: True,
    ) -> None:
        self._db, self._has_bundle = db, has_bundle
        self._rules = rules
        self.frontier = Frontier(self._find_lengths, rules.max_map_length, box)
        self.timers = Timers()
        self.workers = Workers()
        self._loader = Loader(self.frontier, self.timers)
        self._limits = Limits({})
        self._held: frozenset[str] = frozenset()
        """DAGs whose queued runs wait: they are paused, or no file has them."""
        self.callbacks = Callbacks(rules.fresh_interpreter)
        self._blocked: frozenset[str] = frozenset()
        self._next_creation: float | None = None
        self._asset_runs = AssetRuns(rules.generation)
        self._next_runs = next_runs
        self._new_attempt = new_attempt

    def take_up(self, rules: Rules) -> None:
        """Judge by these from now on."""
        self._rules = rules
        self.frontier.max_map_length = rules.max_map_length
        self.callbacks.fresh = rules.fresh_interpreter

    def describe_workers(self) -> dict[str, int | bool]:
        """How many there are, how many there may be, and how many tasks each takes."""
        bounds = self._rules.workers
        count = max(self.workers.count, bounds.fewest)
        facts = {"count": count, "min": bounds.fewest, "max": bounds.most, "tasks_per_worker": bounds.tasks}
        return {**facts, "draining": bounds.draining}

    def decide(self, batch: Batch, links: Sequence[AgentLink], now: float) -> Changes:
        """What the batch leads to."""
        frontier = self.frontier
        changes = frontier.changes = Changes(most_keys=self._rules.most_keys)
        frontier.fresh.clear()
        if batch.needs_reading:
            with self._db.read() as conn:
                self._read(conn, batch, now)
        frontier.settle_grown(batch.grown, now)
        for link, message in batch.reports:
            self._report(link, message, now)
        for kind, key in batch.due:
            self._fall_due(kind, key, now)
        rooms, running = _list_rooms(links, changes)
        _bound(rooms, find_room(self._rules.workers, running))
        running += sum(room.free for room in rooms)
        admit(frontier, rooms, self._limits, now, self._new_attempt, self._has_bundle)
        if self.callbacks.has_pending:
            self.callbacks.admit(rooms, changes, self._new_attempt, self._has_bundle)
        running -= sum(room.free for room in rooms)
        self.workers = scale(self.workers, self._rules.workers, running, now)
        self._end_stuck_runs(changes)
        return changes

    def create(self, conn: Connection, changes: Changes, now: float) -> Created | None:
        """Make the runs that are due or that assets ask for, inside the turn's transaction."""

        def read_spec(version: int) -> DagSpec:
            return self._loader.get_spec(conn, version)

        created = None
        if not self._rules.makes_runs:
            return None
        if changes.create_runs:
            created = creation.create_due(conn, now, self._blocked, read_spec, self._rules.generation >= 3)
        if changes.create_asset_runs or changes.asset_events:
            blocked = self._blocked if created is None else created.blocked
            made = self._asset_runs.create(conn, now, blocked, read_spec)
            if created is None:
                created = Created((), blocked, self._next_creation)
            following = now if made.has_more else created.next_due
            keys = created.keys + made.keys
            created = replace(created, keys=keys, blocked=blocked | made.full, next_due=following)
        return created

    def settle_batch(self, changes: Changes, created: Created | None, now: float) -> Batch:
        """The turn is committed: what is in memory is what is written. What follows in the next turn."""
        after = Batch(grown=self.frontier.attach(changes.growths), callbacks=bool(changes.callbacks))
        self._next_runs.note_asked()
        for task in changes.tasks.values():
            task.mark_saved()
            if task.state in _TIMED or (
                task.state is TaskInstanceState.DEFERRED and task.next_at is not None
            ):
                self.timers.add(task.next_at or now, Kind.TASK, task.id)
        for move in changes.runs:
            if move.target in RUN_TERMINAL:
                self._loader.forget([move.run.key])
                after.check.add(move.run.dag_id)
                after.create |= move.run.dag_id in self._blocked
                self._blocked -= {move.run.dag_id}
                after.dags_changed |= move.run.plan.spec.max_consecutive_failed_dag_runs > 0
        if created is not None:
            after.ask_timetables = bool(created.passed)
            self._next_runs.note_passed(created.passed)
            after.created += created.keys
            self._blocked = created.blocked
            self._set_creation(created.next_due)
        return after

    def _find_lengths(self, run: Run, task_id: str, key: str) -> dict[int, int | None]:
        with self._db.read() as conn:
            return unfinished.list_lengths(conn, run.row, task_id, key)

    def _read(self, conn: Connection, batch: Batch, now: float) -> None:
        """Bring memory up to date with what others committed."""
        if batch.load_all or batch.dags_changed or batch.poll:
            self._limits = Limits(
                unfinished.list_pools(conn),
                frozenset(dags.list_paused(conn)),
                unfinished.list_pools_with_deferred(conn),
            )
            self._held = self._limits.paused | dags.list_stale(conn)
            self._blocked = frozenset()
            self._asset_runs.forget(batch.load_all or batch.dags_changed)
            batch.check |= set(self._loader.waiting_dags)
            batch.create = True
        if batch.load_all:
            self._loader.load_all(conn, now)
        elif batch.poll:
            batch.reload |= find_strays(conn, self.frontier)
        if batch.poll and deadlines.has_due(conn, now):
            missed = self.frontier.changes.missed = deadlines.list_missed(conn, now)
            self.frontier.changes.callbacks += want_for_promises(missed)
        if batch.reload and not batch.load_all:
            self._loader.reload(conn, batch.reload, now)
        self._loader.load_new(conn, batch.created, now)
        if batch.load_all or batch.callbacks or self._need_calls(batch):
            self.callbacks.load(conn, lambda version: self._loader.get_spec(conn, version))
        if batch.load_all or batch.dags_changed:
            self.frontier.changes.standing = list_standing(conn)
            self.frontier.changes.has_new_bundles = True
        if batch.load_all or batch.dags_changed or batch.poll or batch.ask_timetables:
            self.frontier.changes.questions = self._next_runs.list_questions(
                conn, lambda version: self._loader.get_spec(conn, version), now, self._has_bundle
            )
        for dag_id in sorted(batch.check.union(self._loader.waiting_dags) - self._held):
            self._loader.activate(conn, dag_id, now)
        if batch.create:
            self.frontier.changes.create_asset_runs = is_waiting(conn)
            self.frontier.changes.create_runs = bool(dags.list_due(conn, now, self._blocked, limit=1))
            if not self.frontier.changes.create_runs:
                self._set_creation(dags.find_next_due(conn, now))
        if batch.load_all or batch.dags_changed or batch.poll:
            self.frontier.changes.elsewhere = list_elsewhere(self.frontier, self._has_bundle)

    def _report(self, link: AgentLink, message: Message, now: float) -> None:
        try:
            if message["kind"] == "hello":
                held = set(message["attempts"])
                reports.reconcile(self.frontier, link.id, link.agent, held, now, self.callbacks.knows)
                self.callbacks.reconcile(link.id, link.agent, held, self.frontier.changes, self._has_bundle)
                self.frontier.changes.greeted.append((link.id, list(message.get("triggers") or ())))
            elif message["kind"] == "trigger_event":
                firing.note_event(self.frontier, link.id, message, now, retry=self._rules.generation >= 3)
            elif self.callbacks.knows(message["attempt"]):
                self._report_callback(link, message)
            elif message["kind"] == "started":
                reports.note_started(self.frontier, link.agent, link.host, message)
            else:
                reports.note_finished(self.frontier, link.id, message, now)
        except (KeyError, TypeError, ValueError):
            log.exception("cannot use a report of agent %s: %s", link.agent, message)

    def _need_calls(self, batch: Batch) -> bool:
        """May a snapshot have come that callbacks wait for? Has a new run callbacks from its very beginning?"""
        if batch.dags_changed and self.callbacks.has_pending:
            return True
        found = (self.frontier.runs.get(key) for key in [*batch.created, *batch.reload])
        return any(run.plan.spec.deadlines and list_asked(run.plan.spec) for run in found if run is not None)

    def _report_callback(self, link: AgentLink, message: Message) -> None:
        if message["kind"] == "finished":
            self.callbacks.finish(message["attempt"], message["outcome"], self.frontier.changes)
            self.frontier.changes.acknowledge(link.id, message["attempt"])

    def _fall_due(self, kind: Kind, key: int, now: float) -> None:
        if kind is Kind.TASK and key in self.frontier.tasks:
            self.frontier.wake(self.frontier.tasks[key], now)
            firing.time_out(self.frontier, self.frontier.tasks[key], now)
        elif kind is Kind.RUN and key in self.frontier.runs:
            self._time_out(key, now)

    def _time_out(self, key: int, now: float) -> None:
        run = self.frontier.runs[key]
        limit = run.plan.spec.dagrun_timeout
        if run.state is DagRunState.RUNNING and limit is not None and now >= (run.start_date or now) + limit:
            reports.time_out_run(self.frontier, run.tasks, now, _TIMED_OUT)
            self.frontier.end_run(run, DagRunState.FAILED, _TIMED_OUT)

    def _end_stuck_runs(self, changes: Changes) -> None:
        starting_again = {task.run.key for task in changes.tasks.values() if task.state is None}
        for key in changes.touched - starting_again:
            run = self.frontier.runs.get(key)
            if run is not None and self.frontier.is_stuck(run):
                self.frontier.end_run(run, DagRunState.FAILED, _STUCK)

    def _set_creation(self, at: float | None) -> None:
        if at is not None and at != self._next_creation:
            self.timers.add(at, Kind.CREATION)
        self._next_creation = at


def _list_rooms(links: Sequence[AgentLink], changes: Changes) -> tuple[list[Room], int]:
    """The agents' free slots, with those that this turn's reports free and without those it takes again.

    And how many attempts the agents have then.
    """
    rooms, running = [], 0
    for link in links:
        if link.agent:
            held = link.held.difference(changes.acks.get(link.id, ()))
            live = len(held) + len(changes.starts.get(link.id, ()))
            rooms.append(Room(link.id, link.agent, link.slots - live, held))
            running += live
    return rooms, running


def _bound(rooms: list[Room], most: int | None) -> None:
    """Leave no more than `most` slots free in all; None leaves them all."""
    if most is None:
        return
    for room in rooms:
        room.free = min(room.free, most)
        most -= max(0, room.free)
