"""The bug zoo: small faults planted in the engine, to show that the simulator would find them.

Each is a context manager; what it is named after is what somebody could get wrong in a change. `FOUND_BY` says which
invariants may notice it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import sqlalchemy as sa
from airflow._wire import messages

from runner.domain.states import TERMINAL
from runner.domain.trigger_rules import Outcome
from runner.scheduler import creation, deciding, frontier, loading, loop, reports, tries, writing
from runner.scheduler.callbacks import Callbacks
from runner.scheduler.frontier import Frontier
from runner.scheduler.queued import QueuedRuns
from runner.store import dags, runs, unfinished
from runner.store.schema import task_instance
from tests.unit.runner.simulation.dags import BUNDLES
from tests.unit.runner.simulation.world import World

Bug = Callable[[World], Iterator[None]]
_patch = mock.patch.object


@contextmanager
def no_cas_on_finish(_world: World) -> Iterator[None]:
    """A changed task instance is written whatever became of it meanwhile."""
    blind = (
        task_instance.update()
        .where(task_instance.c.id == sa.bindparam("key"))
        .values({name: sa.bindparam(f"to_{name}") for name in unfinished.CHANGEABLE})
    )
    with _patch(unfinished, "_SAVE", blind), _patch(writing, "move_run", _without_edits):
        yield


def _without_edits(conn: Any, key: int, *rest: Any) -> bool:
    return runs.move_run(conn, key, *rest[:4])


@contextmanager
def pointer_before_insert(world: World) -> Iterator[None]:
    """The pointer to the next run is moved in a transaction of its own, before the run is made."""
    real = dags.set_next_run

    def set_next_run(conn: Any, dag_id: str, info: Any) -> None:
        real(conn, dag_id, info)
        world.late.append(lambda fresh: real(fresh, dag_id, info))

    with _patch(creation.dags, "set_next_run", set_next_run), _forgetting(world):
        yield


@contextmanager
def _forgetting(world: World) -> Iterator[None]:
    """What was written apart is in the database when the transaction is, too."""
    real = world.check

    def check(by_user: bool) -> None:
        if not by_user:
            world.late.clear()
        real(by_user)

    with _patch(world, "check", check):
        yield


@contextmanager
def pointer_stays(_world: World) -> Iterator[None]:
    """The pointer to the next run is not moved, and no unique key (`LOOSE`) refuses the run made again."""
    with _patch(creation.dags, "set_next_run", lambda *_args: None):
        yield


@contextmanager
def interval_skipped(_world: World) -> Iterator[None]:
    """A run that is made takes the next one along."""
    real = creation.next_run

    def next_run(timetable: Any, last: Any, *rest: Any) -> Any:
        after = real(timetable, last, *rest)
        return after and real(timetable, (after.interval_start, after.interval_end), *rest)

    with _patch(creation, "next_run", next_run):
        yield


@contextmanager
def ack_before_commit(_world: World) -> Iterator[None]:
    """Agents are told to forget outcomes that are not committed yet."""
    real = loop.Scheduler._commit

    def commit(self: Any, now: float) -> Any:
        told: dict[int, list[str]] = {}
        for link, message in self._batch.reports:
            if message["kind"] == "finished":
                told.setdefault(link.id, []).append(message["attempt"])
        for key, attempts in told.items():
            self._send_to(key, messages.ack(attempts))
        return real(self, now)

    with _patch(loop.Scheduler, "_commit", commit):
        yield


@contextmanager
def tries_reset_on_restart(_world: World) -> Iterator[None]:
    """The count of tries is not read back."""
    real = unfinished.load_instances

    def load(conn: Any, run: int) -> Any:
        return [row._replace(try_number=0) for row in real(conn, run)]

    with _patch(loading.unfinished, "load_instances", load):
        yield


@contextmanager
def slot_freed_twice(_world: World) -> Iterator[None]:
    """The end of a task frees its slots twice."""
    real = Frontier.move

    def move(self: Frontier, task: Any, state: Any, reason: str | None = None) -> None:
        was_live = task.is_live
        real(self, task, state, reason)
        if was_live and not task.is_live:
            self.usage.take(task.demand, -1)

    with _patch(Frontier, "move", move):
        yield


@contextmanager
def stale_attempt_accepted(_world: World) -> Iterator[None]:
    """A report is believed when its task is live, whichever attempt it is of."""
    known: dict[str, int] = {}
    begin, note = tries.begin_try, reports.note_finished

    def begin_try(front: Frontier, task: Any, agent: str, now: float, attempt: str) -> None:
        begin(front, task, agent, now, attempt)
        known[attempt] = task.id

    def note_finished(front: Frontier, link: int, message: Any, now: float) -> None:
        task = front.tasks.get(known.get(message["attempt"], -1))
        if task is not None and task.is_live and message["attempt"] != task.attempt:
            reports.apply_outcome(front, task, message["outcome"], now)
        note(front, link, message, now)

    with _patch(tries, "begin_try", begin_try), _patch(deciding.reports, "note_finished", note_finished):
        yield


@contextmanager
def rules_ignored(_world: World) -> Iterator[None]:
    """A task starts as soon as any of those above it has ended."""
    with _patch(frontier, "judge", lambda task: Outcome.RUN if task.run.idle < 2 else _judge(task)):
        yield


_judge = frontier.judge


@contextmanager
def newest_snapshot_for_all(world: World) -> Iterator[None]:
    """A task gets the code of the newest snapshot, not of its run's."""
    real = loop.make_workload

    def make(task: Any, *rest: Any) -> Any:
        return {**real(task, *rest), "bundle": BUNDLES["late" in str(world.dags["chain"])]}

    with _patch(loop, "make_workload", make):
        yield


@contextmanager
def callback_ended_when_handed_over(_world: World) -> Iterator[None]:
    """A callback counts as called when an agent has got it, whatever became of that."""

    def finish(self: Callbacks, attempt: str, outcome: Any, changes: Any) -> None:
        real(self, attempt, {**outcome, "lost": False}, changes)

    real = Callbacks.finish
    with _patch(Callbacks, "finish", finish):
        yield


@contextmanager
def nothing_follows(_world: World) -> Iterator[None]:
    """When a task has ended, what waits for it is not looked at."""
    with _patch(Frontier, "find_affected", lambda _self, _task: []), _patch(
        Frontier, "is_stuck", lambda _self, _run: False
    ):  # fmt: skip
        yield


@contextmanager
def lost_without_proof(_world: World) -> Iterator[None]:
    """What an agent runs counts as lost when it has been away."""
    real = reports.reconcile

    def reconcile(front: Frontier, link: int, agent: str, held: set[str], *rest: Any) -> None:
        real(front, link, agent, {a for a in held if not _is_running(front, a)}, *rest)

    with _patch(deciding.reports, "reconcile", reconcile), _patch(tries, "_is_held", lambda *_args: False):
        yield


def _is_running(front: Frontier, attempt: str) -> bool:
    task = front.attempts.get(attempt)
    return task is not None and str(task.state) == "running"


@contextmanager
def cleared_beside_the_old(_world: World) -> Iterator[None]:
    """A cleared task starts again though its last attempt is still being stopped."""
    with _patch(tries, "_is_held", lambda *_args: False):
        yield


@contextmanager
def runs_beyond_the_limit(_world: World) -> Iterator[None]:
    """After a restart every queued run starts."""
    real = QueuedRuns.take

    def take(self: QueuedRuns, conn: Any, dag_id: str, _active: Any, now: float) -> Any:
        return real(self, conn, dag_id, {}, now)

    with _patch(QueuedRuns, "take", take):
        yield


@contextmanager
def late_start_wakes_the_dead(_world: World) -> Iterator[None]:
    """A start that is told after the end makes the task run again."""

    def note(front: Frontier, _agent: str, _host: str, message: Any) -> None:
        for task in front.tasks.values():
            if task.attempt == message["attempt"] and (task.state in TERMINAL or str(task.state) == "queued"):
                front.move(task, reports._S.RUNNING)
                task.end_date, task.start_date = None, message["at"]

    with ExitStack() as stack:
        stack.enter_context(_patch(deciding.reports, "note_started", note))
        stack.enter_context(_patch(frontier, "is_legal", lambda _old, _new: True))
        yield


@contextmanager
def clear_passed_over(_world: World) -> Iterator[None]:
    """A run ends though a person has just cleared one of its tasks."""
    with _patch(writing, "move_run", _without_edits):
        yield


ZOO: Mapping[str, tuple[Callable[[World], Any], str]] = {
    "no CAS on finish": (no_cas_on_finish, "I4 I5 I6 I8 I10 I11"),
    "pointer before insert": (pointer_before_insert, "I2"),
    "interval skipped": (interval_skipped, "I2"),
    "pointer stays": (pointer_stays, "I1"),
    "ack before commit": (ack_before_commit, "I8"),
    "tries reset on restart": (tries_reset_on_restart, "I4"),
    "slot freed twice": (slot_freed_twice, "I9"),
    "stale attempt accepted": (stale_attempt_accepted, "I8 I3"),
    "rules ignored": (rules_ignored, "I10"),
    "newest snapshot for all": (newest_snapshot_for_all, "I13"),
    "callback ended when handed over": (callback_ended_when_handed_over, "I16"),
    "nothing follows": (nothing_follows, "I11 I2"),
    "lost without proof": (lost_without_proof, "I3 I8"),
    "cleared beside the old": (cleared_beside_the_old, "I3"),
    "runs beyond the limit": (runs_beyond_the_limit, "I9"),
    "late start wakes the dead": (late_start_wakes_the_dead, "I5 I6"),
    "clear passed over": (clear_passed_over, "I11 I6"),
}
"""Name -> the bug, and the invariants that may find it."""
LOOSE = frozenset({"pointer stays"})
"""Bugs whose database has lost the unique keys of runs."""
FIRST = {
    "pointer before insert": 3,
    "newest snapshot for all": 5,
    "callback ended when handed over": 9,
    "cleared beside the old": 13,
    "clear passed over": 5,
}
"""The seed to try first: what is rare is found by any of a few dozen seeds, and soon by this one."""
