"""The scheduler: one thread, one loop. Drain, decide, write one transaction, send."""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from airflow._wire import messages
from airflow._wire.cell import CellSpec
from airflow._wire.defaults import IMPORT_SECONDS
from airflow._wire.frames import Message

from runner.events import Answered, Event, ParseAsked, SpecChanged, Stop, TimetableAsked
from runner.scheduler import early_answers
from runner.scheduler.batch import Batch
from runner.scheduler.changes import Changes
from runner.scheduler.consulting import Consulting, NextRuns
from runner.scheduler.deciding import Decider, read_rules
from runner.scheduler.deferrals import describe_trigger, make_resume
from runner.scheduler.dispatch import make_workload
from runner.scheduler.elsewhere import HasBundle, bring_here
from runner.scheduler.instances import Task
from runner.scheduler.link import AgentLink, Hub
from runner.scheduler.parsing import Parsing
from runner.scheduler.questions import AttemptInfo, Handler, Questions, describe_asker, nobody, refuse
from runner.scheduler.refusals import Refusals, isolate
from runner.scheduler.sending import queue_orders
from runner.scheduler.status import describe, list_processes
from runner.scheduler.triggers import STANDING, Triggers
from runner.scheduler.watching import Watching
from runner.scheduler.writing import Moved, write
from runner.store import meta, processes
from runner.store.database import Connection, Database, DatabaseError
from runner.store.secrets import SecretBox

log = logging.getLogger(__name__)
POLL_SECONDS = 5.0
PROCESS_SECONDS = 10.0
FORGET_SECONDS = 600.0
RETRY_SECONDS = 0.5


class Scheduler:
    """Runs one cell's DAGs. `run` is the loop; `post`, `parse` and `status` are for other threads."""

    def __init__(
        self,
        db: Database,
        spec: CellSpec,
        socket_path: Path,
        handler: Handler = refuse,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        new_attempt: Callable[[], str] = lambda: uuid.uuid4().hex,
        box: SecretBox | None = None,
        drop_blobs: Callable[[Sequence[str]], None] = lambda _blobs: None,
        epoch: int | None = None,
        has_bundle: HasBundle = lambda _digest: True,
    ) -> None:
        """`epoch`: that of the lease; None begins the next one with `run`. `has_bundle`: is a snapshot here?"""
        self._db, self._clock, self._steady = db, clock, steady
        self._questions = Questions(handler, self.post)
        self._next_runs = NextRuns(db, _timeout(spec), self._questions.call, self.post)
        self._spec, rules = spec, read_rules(spec)
        self._fresh = rules.fresh_interpreter
        self._decider = Decider(db, rules, new_attempt, self._next_runs, box, has_bundle)
        self._drop_blobs, self._has_bundle = drop_blobs, has_bundle
        self._watching = Watching(db, clock, self.post)
        self._hub = Hub(socket_path)
        self._inbox: deque[Event] = deque()
        self._batch = Batch()
        self._parsing = Parsing(self._send_to)
        self._triggers = Triggers(
            self._send_to, self._describe_trigger, self._decider.frontier.waiting.tasks.keys, has_bundle
        )
        self._consulting = Consulting(self._send_to)
        self._identity = {"host": socket.gethostname(), "pid": os.getpid(), "started_at": clock()}
        self._refusals = Refusals()
        self._epoch = epoch or 0
        self._stopping = False
        self._next_poll = self._next_processes = 0.0
        self._status: dict[str, Any] = {"last_turn": None, "agents": [], "revision": spec.revision}

    # ---- for other threads

    def post(self, event: Event) -> None:
        """Tell the loop something; what it is about must be committed already."""
        self._inbox.append(event)
        self._hub.wake()

    def parse(
        self,
        bundle: str,
        files: Sequence[str],
        timeout: float,
        on_parsed: Callable[[str, dict[str, Any]], None],
    ) -> None:
        """Have files of a snapshot parsed. `on_parsed(file, result)` comes once per file, in some other thread.

        It waits for an agent, and asks again when the agent came back without having answered.
        """
        if files:
            self.post(ParseAsked(bundle, tuple(files), timeout, on_parsed))

    def status(self) -> dict[str, Any]:
        """How it is: agents and what they hold, runs and tasks under way, the time of the last turn."""
        return self._status

    def stop(self) -> None:
        """End the loop; tasks go on and the next engine adopts them."""
        self.post(Stop())

    # ---- the loop

    def run(self) -> None:
        """Schedule until told to stop."""
        try:
            if not self._epoch:
                with self._db.begin() as conn:
                    self._epoch = meta.begin_epoch(conn)
            self._batch.load_all = True
            while not self._stopping:
                self.turn()
        finally:
            self._questions.close()
            self._hub.close()

    def turn(self) -> None:
        """One turn: wait for something, decide what follows, write it, send it."""
        arrived, gone = self._hub.wait(self._find_timeout())
        now = self._clock()
        for link in gone:
            log.warning("agent %s is gone", link.agent or "without a name")
            self._drop(link)
        for link, message in arrived:
            try:
                self._route(link, message, now)
            except (KeyError, TypeError, ValueError):
                log.exception("cannot understand agent %s", link.agent or "without a name")
                self._drop(link)
        while self._inbox:
            self._take(self._inbox.popleft())
        self._tick_clocks()
        try:
            changes = self._commit(now)
        except DatabaseError as error:
            log.error("cannot reach the database, trying again: %s", error)
            self._batch.load_all = True
            self._batch.not_before = self._steady() + RETRY_SECONDS
            if self._refusals.note(error):
                self._isolate(now)
            return
        if changes is not None:
            self._refusals.clear()
            self._send(changes)
        links, workers = self._hub.links.values(), self._decider.describe_workers()
        self._status = describe(self._decider.frontier, links, self._epoch, self._spec.revision, workers, now)

    def _find_timeout(self) -> float | None:
        steady = self._steady()
        if self._batch.not_before > steady:
            return self._batch.not_before - steady
        if self._inbox or self._batch.has_work:
            return 0.0
        delay = self._decider.timers.find_delay(self._clock())
        polled = max(0.0, min(self._next_poll, self._next_processes) - steady)
        return polled if delay is None else min(delay, polled)

    def _tick_clocks(self) -> None:
        steady = self._steady()
        if steady >= self._next_poll:
            self._next_poll = steady + POLL_SECONDS
            self._batch.poll = True
        if steady >= self._next_processes:
            self._next_processes = steady + PROCESS_SECONDS
            self._batch.write_processes = True

    def _route(self, link: AgentLink, message: Message, now: float) -> None:
        """Put a message where it belongs: reports wait for the transaction, everything else is dealt with at once."""
        kind = message.get("kind")
        if kind in ("started", "finished"):
            self._batch.reports.append((link, message))
        elif kind == "trigger_event":
            self._take_event(link, message)
        elif kind == "hello":
            self._welcome(link, message, now)
        elif kind == "heartbeat":
            link.heartbeat = message
        elif kind == "took_up":
            link.revision, link.slots = message["revision"], message["slots"]
            self._batch.poll = True  # there may be room now
        elif kind == "request":
            self._ask(link, message)
        elif kind == "parsed":
            answer = self._parsing.find_answer(message)
            if answer is not None:
                self._questions.call(answer)
        elif kind == "timetable_answered":
            self._consulting.answer(message)
        else:
            log.error("cannot understand a %r of agent %s", kind, link.agent)

    def _welcome(self, link: AgentLink, message: Message, now: float) -> None:
        """An agent introduces itself: its older link is closed, what it holds is agreed upon in this turn."""
        if message["protocol"] != messages.PROTOCOL:
            log.error("cannot talk to agent %s: it speaks protocol %s", message["agent"], message["protocol"])
            self._drop(link)
            return
        for other in [other for other in self._hub.links.values() if other.agent == message["agent"]]:
            if other is not link:
                self._drop(other)
        link.agent, link.incarnation, link.host = message["agent"], message["incarnation"], message["host"]
        link.pid, link.slots, link.since = message["pid"], message["slots"], now
        link.held = set(message["attempts"])
        self._hub.send(link, messages.welcome(self._epoch, self._spec.revision))
        self._parsing.take_up(link.id)
        self._consulting.take_up(link.id)
        self._batch.reports.append((link, message))
        log.info("agent %s is here with %d attempts", link.agent, len(link.held))

    def _take_event(self, link: AgentLink, message: Message) -> None:
        """A task's trigger fired: that waits for the transaction. A standing one did: its keeper commits, then ack."""
        if not message["id"].startswith(STANDING):
            self._batch.reports.append((link, message))
            return

        def tell() -> None:
            number = message["number"]
            self._watching.take(message["id"], number, message.get("event"), message.get("error"))
            self.post(Answered(link.id, messages.trigger_ack([f"{message['id']}#{number}"])))

        self._questions.call(tell)

    def _ask(self, link: AgentLink, message: Message) -> None:
        """A question of a task, of the trigger it waits for, of a callback, a standing trigger or an import."""
        asker, frontier = message["attempt"], self._decider.frontier
        task = frontier.attempts.get(asker) or frontier.waiting.tasks.get(asker)
        if task is not None:
            info: AttemptInfo | None = describe_asker(task)
        else:
            info = (
                nobody(asker)
                if self._triggers.is_standing(asker) or asker.startswith(messages.IMPORT)
                else self._decider.callbacks.describe(asker)
            )
        self._questions.ask(link.id, info, message)

    def _drop(self, link: AgentLink) -> None:
        self._hub.drop(link)
        self._parsing.let_go(link.id)
        self._consulting.let_go(link.id)
        self._triggers.let_go(link.id, self._list_links())

    def _list_links(self) -> dict[int, str]:
        return {link.id: link.agent for link in self._hub.links.values() if link.agent}

    def _describe_trigger(self, token: str) -> Message:
        frontier = self._decider.frontier
        return describe_trigger(frontier, frontier.waiting.tasks[token])

    def _take(self, event: Event) -> None:
        if isinstance(event, Answered):
            self._send_to(event.link, event.reply)
        elif isinstance(event, ParseAsked):
            self._parsing.ask(event, next(iter(self._list_links()), None))
        elif isinstance(event, TimetableAsked):
            self._consulting.ask(event, next(iter(self._list_links()), None))
        elif isinstance(event, SpecChanged):
            self._take_up(event.spec)
        elif isinstance(event, Stop):
            self._stopping = True
        else:
            self._batch.note(event)

    def _take_up(self, spec: CellSpec) -> None:
        """Schedule by another spec; what was handed over before this goes on by the former."""
        self._spec, rules = spec, read_rules(spec)
        self._fresh = rules.fresh_interpreter
        self._next_runs.timeout = _timeout(spec)
        self._decider.take_up(rules)
        for key in self._list_links():
            self._send_to(key, messages.reload(spec.revision))
        self._batch.poll = True

    def _commit(self, now: float) -> Changes | None:
        """Decide and write until memory and database agree; None when there was nothing to do."""
        batch = self._batch
        batch.take_due(self._decider.timers.pop_due(now))
        if not batch.has_work or batch.not_before > self._steady():
            return None
        while True:
            changes = self._decider.decide(batch, list(self._hub.links.values()), now)
            created = None
            try:
                if changes.needs_writing or batch.write_processes:
                    with self._db.begin() as conn:
                        write(conn, changes, now)
                        created = self._decider.create(conn, changes, now)
                        self._write_processes(conn, now)
            except Moved as error:
                log.info("%s: reading it again", error)
                batch.reload |= changes.touched
                batch.callbacks = True
                continue
            self._batch = self._decider.settle_batch(changes, created, now)
            return changes

    def _isolate(self, now: float) -> None:
        """The same rows are refused again and again: have their runs fail, and go on with the others."""
        try:
            isolate(self._db, self._decider.frontier.changes, now)
        except DatabaseError as error:
            log.error("cannot fail a run whose rows are refused, trying again: %s", error)

    def _write_processes(self, conn: Connection, now: float) -> None:
        if self._batch.write_processes:
            rows = list_processes(self._identity, self._hub.links.values(), now)
            processes.put_processes(conn, rows, now - FORGET_SECONDS)

    def _send(self, changes: Changes) -> None:
        """The turn is committed: tell the agents."""
        queue_orders(changes, self._hub, self._make_workload)
        if changes.dropped_blobs:
            self._questions.call(partial(self._drop_blobs, changes.dropped_blobs))
        if early_answers.may_have(changes):
            box = self._decider.frontier.box
            self._questions.call(partial(early_answers.take, self._db, box, self.post))
        if changes.standing is not None:
            self._triggers.keep(changes.standing, self._list_links())
        for question in changes.questions:
            self._consulting.ask(question, next(iter(self._list_links()), None))
        if changes.elsewhere:
            here = self._db, changes.elsewhere, self._has_bundle, self._clock(), self.post
            self._questions.call(partial(bring_here, *here))
        if changes.moves_triggers:
            self._triggers.follow(changes, self._list_links())
        self._hub.flush()

    def _make_workload(self, task: Task) -> Message:
        resume = make_resume(self._decider.frontier, task) if task.deferral is not None else None
        return make_workload(task, self._fresh, resume)

    def _send_to(self, link: int, message: Message) -> None:
        if link in self._hub.links:
            self._hub.send(self._hub.links[link], message)


def _timeout(spec: CellSpec) -> float:
    """Seconds that importing a DAG file may take."""
    return spec.number("core", "dagbag_import_timeout", IMPORT_SECONDS)
