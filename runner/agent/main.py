"""The agent of a cell: composition, signals, heartbeat."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from airflow._wire import cell, jsonlog, messages
from airflow._wire.cell import CellSpec
from airflow._wire.frames import Message
from airflow._wire.layout import Layout

from runner import ownlogs, process
from runner.agent import homes, interpreter, kernel
from runner.agent.adoption import Adoption
from runner.agent.importing import ImportQuestions
from runner.agent.kit import Kit, needs_another
from runner.agent.link import Link
from runner.agent.loop import Loop
from runner.agent.memory import MemoryGuard
from runner.agent.oom import OutOfMemory
from runner.agent.store import open_log_store
from runner.agent.strays import Strays
from runner.agent.supervisor import Supervisor
from runner.agent.trigger_logs import TriggerLogs
from runner.agent.triggers import Triggers
from sync.logs import LogStore

log = logging.getLogger("aerodrome.agent")

HEARTBEAT = 5.0
STOP_GRACE = 10.0
STOP_REPORT = 2.0
LOG_STOP = 5.0
GC_THRESHOLD = 20_000
CROWD = 4
"""More attempts than this for each processor wait for processors rather than for the engine."""


def run(home: Path) -> int:
    """Be the agent of the cell in `home` until SIGTERM or SIGINT; the exit status."""
    layout = Layout(home.resolve())
    spec = cell.read(layout.spec)
    layout.make()
    try:
        role = process.hold_role(layout.lock("agent"), "agent", spec.environment)
    except process.RoleTaken as error:
        return process.die_with_reason(error)
    process.show_role("agent", spec.environment)
    jsonlog.configure(layout.own_logs / "agent.log")
    process.close_to_others()
    process.raise_file_limit()
    kernel.become_subreaper()
    layout.work.mkdir(mode=0o700, exist_ok=True)
    user = interpreter.find_task_user(os.environ)
    if user is not None:
        layout.work.chmod(0o770)  # in our group, which is the task user's own
        kernel.kill_user(user)  # an earlier agent's: nothing of ours runs yet
    homes.link(layout, spec)
    os.chdir(layout.work)
    store = open_log_store(layout.task_logs, spec.logs)
    store.start()
    ours = ownlogs.OwnLogs(lambda _spec: store, ownlogs.AGENT)
    ours.take_up(spec)
    Agent(layout, spec, store, ours).run()
    store.stop(LOG_STOP)
    role.close()
    return 0


class Agent:
    """Ties the parts together; each part knows only what it is handed here."""

    def __init__(self, layout: Layout, spec: CellSpec, store: LogStore, ours: ownlogs.OwnLogs) -> None:
        self._layout, self._spec, self._store, self._ours = layout, spec, store, ours
        self._incarnation = uuid.uuid4().hex
        self._loop = loop = Loop()
        crowd = CROWD * (os.cpu_count() or 2)
        self._link = Link(
            loop, layout.engine_socket, layout.lock("agent").with_name("agent.epoch"),
            self._hello, self._on_welcome, self._on_message, self._cancel_parses,
            lambda: len(self._supervisor.attempts) > crowd,
        )  # fmt: skip
        self._kills = OutOfMemory()
        self._supervisor = Supervisor(
            loop, store, layout.attempts, self._link.send, lambda: self._strays.look_later(), self._kills,
        )  # fmt: skip
        self._imports = ImportQuestions(self._link.send)
        self._supervisor.kit = self._kit = self._make_kit(spec)
        self._kits = [self._kit]
        """The one in use, and former ones that are not over."""
        self._triggers = Triggers(
            loop, self._kit, layout.bundle, layout.own_logs / "triggerer.log",
            TriggerLogs(loop, store, self._kit.level), self._link.send,
        )  # fmt: skip
        self._memory = MemoryGuard(
            loop, lambda: list(self._supervisor.attempts.values()), lambda: self._spec,
            lambda attempt, reason: self._supervisor.terminate(attempt, 0.0, reason),
        )  # fmt: skip
        self._strays = Strays(loop, layout.attempts, self._supervisor.living, self._spared_sessions)
        self._adoption = Adoption(loop, layout.attempts, store, self._kit.level, self._supervisor.adopt)
        self._handlers: dict[str, Callable[[Message], None]] = {
            "run": self._supervisor.run,
            "stop": self._supervisor.stop,
            "ack": self._supervisor.ack,
            "reply": self._reply,
            "reload": self._reload,
            "parse": self._parse,
            "ask_timetable": lambda message: self._kit.parser.consult(message),
            "triggers": lambda message: self._triggers.handle(message),
            "trigger_ack": lambda message: self._triggers.ack(message),
        }

    def _make_kit(self, spec: CellSpec) -> Kit:
        return Kit(
            self._loop, self._layout, spec, os.environ, self._supervisor, self._link.send,
            lambda: self._strays.look_later(), self._imports, lambda: self._triggers.list_files(),
        )  # fmt: skip

    def run(self) -> None:
        """Turn the loop until told to end."""
        loop = self._loop
        loop.on_signal(signal.SIGCHLD, self._reap)
        loop.on_signal(signal.SIGTERM, self._begin_stop)
        loop.on_signal(signal.SIGINT, self._begin_stop)
        found = self._adoption.take_over()
        log.info("agent starts; an earlier one left %d attempts", found)
        self._kit.start()
        self._link.connect()
        loop.every(HEARTBEAT, self._beat)
        self._memory.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        loop.run()
        for kit in self._kits:
            kit.close()
        self._link.close()
        log.info("agent ends")

    # ---- the engine

    def _hello(self) -> Message:
        host = socket.gethostname()
        attempts = [held.id for held in self._supervisor.attempts.values() if not held.acked]
        name, pid, slots = f"agent-{host}", os.getpid(), self._spec.slots
        triggers = self._triggers.list_held()
        return messages.hello(name, self._incarnation, pid, host, slots, attempts, triggers)

    def _on_welcome(self, message: Message) -> None:
        self._reload(message)
        self._supervisor.resend()
        self._triggers.resend()
        self._imports.resend()
        self._beat()

    def _on_message(self, message: Message) -> None:
        handle = self._handlers.get(message["kind"])
        if handle is None:
            log.warning("the engine sent a %r message, which this agent does not know", message["kind"])
        else:
            handle(message)

    def _reply(self, message: Message) -> None:
        if not self._imports.reply(message) and not self._triggers.reply(message):
            self._supervisor.reply(message)

    def _parse(self, message: Message) -> None:
        self._kit.zygotes.newest_bundle = message["bundle"]
        self._kit.parser.parse(message)

    def _cancel_parses(self) -> None:
        for kit in self._kits:
            kit.parser.cancel()

    def _reload(self, message: Message) -> None:
        """The engine runs by another revision of the spec: so do we, for all that begins from now on."""
        if message["revision"] != self._spec.revision:
            try:
                spec = cell.read(self._layout.spec)
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.error("cannot take up revision %d of the spec: %s", message["revision"], error)
                return
            self._take_up(spec)
        self._link.send(messages.took_up(self._spec.revision, self._spec.slots))

    def _take_up(self, spec: CellSpec) -> None:
        log.info("the agent takes up revision %d of its spec", spec.revision)
        old, self._spec = self._spec, spec
        if spec.logs != old.logs:
            self._store.use(asdict(spec.logs))
        self._ours.take_up(spec)
        homes.link(self._layout, spec)
        if needs_another(old, spec):
            self._change_kit(self._make_kit(spec))

    def _change_kit(self, kit: Kit) -> None:
        former, self._kit = self._kit, kit
        kit.zygotes.newest_bundle = former.zygotes.newest_bundle
        self._kits.append(kit)
        self._supervisor.kit = kit
        kit.start()
        self._triggers.use(kit)
        former.retire(self._triggers.uses)

    def _beat(self) -> None:
        self._kills.forget()
        tasks = self._supervisor.list_processes()
        zygotes = [row for kit in self._kits for row in kit.list_zygotes()]
        processes = zygotes + self._triggers.list_processes() + tasks
        self._link.send(messages.heartbeat(time.time(), processes, len(tasks), self._describe_lag()))

    def _describe_lag(self) -> Message:
        lag = self._store.lag()
        error = None if lag.error is None else str(lag.error)
        return {"waiting_bytes": lag.pending_bytes, "waiting_seconds": lag.oldest_seconds, "error": error}

    # ---- processes

    def _reap(self) -> None:
        """Collect the agent's own children: interpreters it started, and orphans that came to it."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if not self._reap_kit(pid) and not self._triggers.reaped(pid):
                self._supervisor.reaped(pid, status)

    def _reap_kit(self, pid: int) -> bool:
        """Whether it was the base zygote of a kit; one that is over is forgotten with it."""
        if not any(kit.zygotes.base.reaped(pid) for kit in self._kits):
            return False
        self._kits = [kit for kit in self._kits if not kit.is_gone]
        return True

    def _spared_sessions(self) -> set[int]:
        return self._triggers.sessions().union(*(kit.sessions() for kit in self._kits))

    # ---- the end

    def _begin_stop(self) -> None:
        """Take no more work, end what runs, report it, and go."""
        if self._handlers:
            log.info("agent is told to end")
            self._handlers = {"ack": self._supervisor.ack, "reply": self._reply}
            self._cancel_parses()
            self._triggers.stop()
            self._supervisor.lose_all(STOP_GRACE, _find_reason(self._layout))
            self._wait_for_end(time.monotonic() + STOP_GRACE + STOP_REPORT)

    def _wait_for_end(self, deadline: float) -> None:
        open_reports = any(not attempt.acked for attempt in self._supervisor.attempts.values())
        if time.monotonic() > deadline or (
            not self._supervisor.living()
            and self._triggers.is_empty
            and not (open_reports and self._link.is_up)
        ):
            self._loop.stop()
        else:
            self._loop.after(0.02, lambda: self._wait_for_end(deadline))


def _find_reason(layout: Layout) -> str:
    """Why we are stopped: what whoever stops us has written down, or nothing in particular."""
    try:
        return layout.ending.read_text(encoding="utf-8").strip()
    except OSError:
        return "its agent was stopped"
