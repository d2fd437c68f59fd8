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
from pathlib import Path

from airflow._wire import cell, jsonlog, messages
from airflow._wire.cell import CellSpec
from airflow._wire.frames import Message
from airflow._wire.layout import Layout

from runner import ownlogs, process
from runner.agent import interpreter, kernel
from runner.agent.adoption import Adoption
from runner.agent.importing import ImportQuestions
from runner.agent.launching import Launcher
from runner.agent.link import Link
from runner.agent.logs import LogStore
from runner.agent.loop import Loop
from runner.agent.oom import OutOfMemory
from runner.agent.parsing import Parser
from runner.agent.store import open_log_store
from runner.agent.strays import Strays
from runner.agent.supervisor import Supervisor
from runner.agent.trigger_logs import TriggerLogs
from runner.agent.triggers import Triggers
from runner.agent.zygotes import FileZygote, Zygotes

log = logging.getLogger("aerodrome.agent")

HEARTBEAT = 5.0
STOP_GRACE = 10.0
STOP_REPORT = 2.0
LOG_STOP = 5.0
GC_THRESHOLD = 20_000
CROWD = 8
"""More attempts than this wait for processors rather than for the engine."""


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
    work = layout.home / "work"
    work.mkdir(mode=0o700, exist_ok=True)
    user = interpreter.find_task_user(os.environ)
    if user is not None:
        work.chmod(0o770)  # in our group, which is the task user's own
        kernel.kill_user(user)  # an earlier agent's: nothing of ours runs yet
    os.chdir(work)
    store = open_log_store(layout.task_logs, spec.logs)
    store.start()
    ownlogs.attach(store, spec, ownlogs.AGENT)
    Agent(layout, spec, work, store).run()
    store.stop(LOG_STOP)
    role.close()
    return 0


class Agent:
    """Ties the parts together; each part knows only what it is handed here."""

    def __init__(self, layout: Layout, spec: CellSpec, work: Path, store: LogStore) -> None:
        self._layout, self._spec = layout, spec
        self._incarnation = uuid.uuid4().hex
        self._loop = loop = Loop()
        level = spec.log_level("TaskLogs")
        python = interpreter.of_spec(spec, work, os.environ)
        self._link = Link(
            loop, layout.engine_socket, layout.lock("agent").with_name("agent.epoch"),
            self._hello, self._on_welcome, self._on_message, lambda: self._parser.cancel(),
            lambda: len(self._supervisor.attempts) > CROWD,
        )  # fmt: skip
        self._memory = OutOfMemory()
        launcher = Launcher(loop, python, layout.bundle, self._settings(level or "INFO"))
        self._supervisor = Supervisor(
            loop, launcher, store, layout.attempts, level, self._link.send,
            lambda: self._strays.look_later(), self._memory,
        )  # fmt: skip
        self._imports = ImportQuestions(self._link.send)
        self._zygotes = Zygotes(
            loop, python, self, layout.bundle, layout.own_logs / "zygote.log",
            spec.number("core", "dagbag_import_timeout", 30.0), self._imports,
        )  # fmt: skip
        self._supervisor.zygotes = self._zygotes
        self._parser = Parser(
            loop, self._zygotes.base, layout.bundle, self._link.send,
            lambda: self._strays.look_later(), self._imports,
        )  # fmt: skip
        self._triggers = Triggers(
            loop, python, layout.bundle, self._settings(level or "INFO"), layout.own_logs / "triggerer.log",
            TriggerLogs(loop, store, level), self._link.send,
        )  # fmt: skip
        self._strays = Strays(loop, layout.attempts, self._supervisor.living, self._spared_sessions)
        self._adoption = Adoption(loop, layout.attempts, store, level, self._supervisor.adopt)
        self._handlers: dict[str, Callable[[Message], None]] = {
            "run": self._supervisor.run,
            "stop": self._supervisor.stop,
            "ack": self._supervisor.ack,
            "reply": self._reply,
            "parse": self._parse,
            "ask_timetable": self._parser.consult,
            "triggers": self._triggers.handle,
            "trigger_ack": self._triggers.ack,
        }

    def run(self) -> None:
        """Turn the loop until told to end."""
        loop = self._loop
        loop.on_signal(signal.SIGCHLD, self._reap)
        loop.on_signal(signal.SIGTERM, self._begin_stop)
        loop.on_signal(signal.SIGINT, self._begin_stop)
        found = self._adoption.take_over()
        log.info("agent starts; an earlier one left %d attempts", found)
        self._zygotes.base.start()
        self._link.connect()
        loop.every(HEARTBEAT, self._beat)
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        loop.run()
        self._zygotes.base.stop()
        self._link.close()
        log.info("agent ends")

    # ---- the engine

    def _hello(self) -> Message:
        host = socket.gethostname()
        attempts = [held.id for held in self._supervisor.attempts.values() if not held.acked]
        name, pid, slots = f"agent-{host}", os.getpid(), self._spec.slots
        triggers = self._triggers.list_held()
        return messages.hello(name, self._incarnation, pid, host, slots, attempts, triggers)

    def _on_welcome(self) -> None:
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
        self._zygotes.newest_bundle = message["bundle"]
        self._parser.parse(message)

    def _beat(self) -> None:
        self._memory.forget()
        tasks = self._supervisor.list_processes()
        zygotes: list[Message] = [
            {"role": "zygote", "pid": pid, "about": file} for pid, file in self._zygotes.list_files()
        ]
        for about, pid in (("parse", self._parser.zygote_pid()), ("base", self._zygotes.base.pid)):
            if pid is not None:
                zygotes.insert(0, {"role": "zygote", "pid": pid, "about": about})
        processes = zygotes + self._triggers.list_processes() + tasks
        self._link.send(messages.heartbeat(time.time(), processes, len(tasks)))

    # ---- processes (zygotes.Owner)

    def zygote_ready(self, attempts: list[str], zygote: FileZygote) -> None:
        self._supervisor.zygote_ready(attempts, zygote)

    def zygote_unsafe(self, attempts: list[str], reason: str) -> None:
        self._supervisor.zygote_unsafe(attempts, reason)

    def zygote_broken(self, attempts: list[str], reason: str, error: str | None) -> None:
        self._supervisor.zygote_broken(attempts, reason, error)

    def zygote_died(self, attempts: list[str]) -> None:
        self._supervisor.zygote_died(attempts)

    def child_forked(self, id: str, pid: int) -> None:
        if id.startswith("p"):  # attempts are hexadecimal
            self._parser.child_forked(id, pid)
        else:
            self._supervisor.child_forked(id, pid)

    def child_exited(self, id: str, status: int) -> None:
        self._supervisor.child_exited(id, status)

    def base_ready(self) -> None:
        self._parser.pump()

    def base_hopeless(self, reason: str) -> None:
        self._parser.fail_all(reason)

    def _reap(self) -> None:
        """Collect the agent's own children: interpreters it started, and orphans that came to it."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if not self._zygotes.base.reaped(pid) and not self._triggers.reaped(pid):
                self._supervisor.reaped(pid, status)

    def _spared_sessions(self) -> set[int]:
        own = {pid for pid, _file in self._zygotes.list_files()} | self._parser.sessions()
        own |= self._triggers.sessions()
        return own | {pid for pid in (self._zygotes.base.pid,) if pid is not None}

    # ---- the end

    def _begin_stop(self) -> None:
        """Take no more work, end what runs, report it, and go."""
        if self._handlers:
            log.info("agent is told to end")
            self._handlers = {"ack": self._supervisor.ack, "reply": self._reply}
            self._parser.cancel()
            self._triggers.stop()
            self._supervisor.lose_all(STOP_GRACE, "its agent was stopped")
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

    def _settings(self, level: str) -> Message:
        spec = self._spec
        return {
            "log_level": level,
            "airflow_version": spec.airflow_version,
            "environment": spec.environment,
            "config": spec.config,
        }
