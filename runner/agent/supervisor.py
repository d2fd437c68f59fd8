"""Attempts: from the workload that the engine hands over to the outcome that it acknowledges.

    run -> [file imported] -> launched -> started -> finish or exit -> reported -> process gone -> ended -> forgotten

An attempt is *reported* with its child's finish frame, or when its process is gone without one; it has *ended* when
its process and all that it started are gone and its log is closed; it is *forgotten* when it has ended and the engine
has acknowledged the report. Every step that must outlive the agent is in the attempt's file before it is told.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from airflow._wire import messages, workload
from airflow._wire.frames import Message

from runner.agent import endings, kernel, questions, spool
from runner.agent.attempt import Attempt
from runner.agent.file_zygote import FileZygote
from runner.agent.kit import Kit
from runner.agent.launching import ZygoteGone
from runner.agent.logs import AttemptLog, LogStore
from runner.agent.loop import Loop
from runner.agent.oom import OutOfMemory

log = logging.getLogger("aerodrome.agent.supervisor")

LINGER = 5.0
START_NEWS = 0.05
"""How long the news of a start waits for the end, so that a short task costs the engine one commit and not two."""
TIMEOUT_MARGIN = 2.0
TIMEOUT_GRACE = 5.0


class Supervisor:
    """All attempts that this agent holds. `send` hands a message to the engine, or drops it while there is none."""

    def __init__(
        self, loop: Loop, store: LogStore, directory: Path,
        send: Callable[[Message], None], on_end: Callable[[], None], kills: OutOfMemory,
    ) -> None:  # fmt: skip
        self._loop, self._store = loop, store
        self._spool = spool.Spool(directory)
        self._send, self._on_end = send, on_end
        self._kills = kills
        self._boot = kernel.boot_id()
        self.kit: Kit | None = None
        """What new attempts are started with; each keeps the one it was accepted with."""
        self.attempts: dict[str, Attempt] = {}
        self._pids: dict[int, Attempt] = {}

    # ---- what the engine says

    def run(self, message: Message) -> None:
        """Start these workloads, except for those that are held already."""
        for data in message["workloads"]:
            work = workload.from_message(data)
            if work.attempt not in self.attempts:
                self._accept(work, data)

    def stop(self, message: Message) -> None:
        """End an attempt. One that is not held is reported as lost, so that nobody waits for it."""
        attempt = self.attempts.get(message["attempt"])
        if attempt is None:
            now = time.time()
            lost = endings.outcome_of_failure(message["reason"], None, now, lost=True)
            self._send(messages.finished(message["attempt"], lost))
        elif attempt.outcome is None:
            self.terminate(attempt, message["grace"], message["reason"])

    def ack(self, message: Message) -> None:
        """These outcomes are committed."""
        for id in message["attempts"]:
            attempt = self.attempts.get(id)
            if attempt is None or attempt.outcome is None:
                continue
            attempt.acked = True
            if attempt.ended:
                self._forget(attempt)
            else:
                _write_down(attempt, acked=True)

    def reply(self, message: Message) -> None:
        """The answer to a child's question."""
        attempt = self.attempts.get(message["attempt"])
        if attempt is not None:
            questions.answer(attempt, message)

    def resend(self) -> None:
        """Tell a new connection all that its engine may not know."""
        for attempt in self.attempts.values():
            if attempt.outcome is not None:
                if not attempt.acked:
                    self._send(messages.finished(attempt.id, attempt.outcome))
                continue
            if attempt.pid is not None:
                attempt.start_told = False
                self._tell_start(attempt, attempt.pid)
            for question in attempt.asks.values():
                self._send(question)

    # ---- starting

    def _accept(self, work: workload.Workload, data: Message) -> None:
        log_key = work.log_key
        facts = {"workload": _identity(work), "log_key": log_key, "boot": self._boot, "at": time.time()}
        try:
            lock = self._spool.create(work.attempt, **facts)
        except OSError as error:
            reason = f"cannot write down the attempt: {error}"
            log.error("%s (%s)", reason, work.attempt)
            outcome = endings.outcome_of_failure(reason, None, time.time())
            self._send(messages.finished(work.attempt, outcome))
            return
        kit = self._kit()
        attempt = Attempt(work.attempt, work, lock, AttemptLog(self._store, log_key, kit.level), kit)
        attempt.data = data
        self.attempts[attempt.id] = attempt
        if work.fresh_interpreter:
            self._launch(attempt, None)
        else:
            kit.zygotes.place(attempt.id, work.bundle, work.file)

    def zygote_ready(self, attempts: list[str], zygote: FileZygote) -> None:
        for attempt in self._held(attempts):
            if zygote.secrets:
                attempt.log.masker.add(zygote.secrets)
            self._launch(attempt, zygote)

    def zygote_unsafe(self, attempts: list[str], reason: str) -> None:
        for attempt in self._held(attempts):
            log.info("%s runs in a fresh interpreter: %s", attempt.about, reason)
            self._launch(attempt, None)

    def zygote_broken(self, attempts: list[str], reason: str, error: str | None) -> None:
        for attempt in self._held(attempts):
            details = {"import_error": error} if error else {}
            self._conclude(attempt, endings.outcome_of_failure(reason, None, time.time(), details=details))
            self._end(attempt)

    def _launch(self, attempt: Attempt, zygote: FileZygote | None) -> None:
        """From the file's zygote, or in a fresh interpreter when there is none."""
        kit = attempt.kit
        if attempt.lock is None or attempt.outcome is not None or kit is None:
            return  # it was stopped meanwhile
        try:
            pid = kit.launcher.launch(
                attempt,
                attempt.lock,
                zygote,
                lambda message: self._on_child(attempt, message),
                lambda _reason: self._on_hang_up(attempt),
            )
        except ZygoteGone:
            if zygote is not None:
                kit.zygotes.abandon(zygote)
            kit.zygotes.place(attempt.id, attempt.workload.bundle, attempt.workload.file)
            return
        except OSError as error:
            reason = f"cannot start the task's process: {error}"
            self._conclude(attempt, endings.outcome_of_failure(reason, None, time.time()))
            self._end(attempt)
            return
        if pid is not None:
            self.child_forked(attempt.id, pid)

    # ---- what happens to a process

    def child_forked(self, id: str, pid: int) -> None:
        attempt = self.attempts.get(id)
        if attempt is None or attempt.lock is None or attempt.pid is not None:
            return
        self._note_start(attempt, pid, time.time())
        self._pids[pid] = attempt
        if attempt.stop_reason is not None:
            self._kill(attempt, pid)
        limit = attempt.workload.execution_timeout
        if limit is not None:
            reason = f"timed out: it ran longer than its execution_timeout of {limit:g} s"
            expire = self._loop.after(
                limit + TIMEOUT_MARGIN, lambda: self.terminate(attempt, TIMEOUT_GRACE, reason)
            )
            attempt.timers.append(expire)

    def _note_start(self, attempt: Attempt, pid: int, at: float) -> None:
        """Write down that the attempt's process exists, and tell it soon."""
        attempt.pid = pid
        if attempt.started_at is None:
            attempt.started_at = at
            attempt.timers.append(self._loop.after(START_NEWS, lambda: self._tell_start(attempt, pid)))
        process = kernel.find_process(pid)
        _write_down(attempt, pid=pid, started=process.started if process else None)

    def _tell_start(self, attempt: Attempt, pid: int) -> None:
        """Tell the engine, once, that the attempt's process exists."""
        if not attempt.start_told:
            attempt.start_told = True
            self._send(messages.started(attempt.id, pid, attempt.started_at or time.time()))

    def child_exited(self, id: str, status: int) -> None:
        attempt = self.attempts.get(id)
        if attempt is not None:
            self._process_gone(attempt, status, None)

    def reaped(self, pid: int, status: int) -> bool:
        """Whether a process that the agent itself has reaped was an attempt's."""
        attempt = self._pids.get(pid)
        if attempt is not None:
            self._process_gone(attempt, status, None)
        return attempt is not None

    def zygote_died(self, attempts: list[str]) -> None:
        """Their parent is gone: the kernel kills them, and they become ours to reap."""
        for attempt in self._held(attempts):
            attempt.orphaned = True
            if attempt.stream is None:
                self._on_hang_up(attempt)

    def _on_hang_up(self, attempt: Attempt) -> None:
        attempt.stream = None
        if attempt.orphaned and (attempt.pid is None or not kernel.LINUX):
            self._process_gone(attempt, None, "its zygote died before it could report", lost=True)

    def _on_child(self, attempt: Attempt, message: Message) -> None:
        if message["kind"] == "finish":
            self._on_finish(attempt, message)
        elif message["kind"] == "ask":
            questions.ask(attempt, message, self._send)

    def _on_finish(self, attempt: Attempt, message: Message) -> None:
        now = time.time()
        rendered = (message.get("details") or {}).get("rendered")
        if rendered is not None and attempt.log.masker:
            message["details"]["rendered"] = attempt.log.masker.value(rendered)
        if attempt.started_at is None:  # its zygote's word of it has not come by yet
            attempt.started_at = message.get("started_at") or now
        self._tell_start(attempt, message["pid"])
        if attempt.stop_reason is not None:
            details = message.get("details") or {}
            outcome = endings.outcome_of_failure(
                attempt.stop_reason, attempt.started_at, now, lost=attempt.lost, details=details
            )
        else:
            outcome = endings.outcome_of_finish(message, attempt.started_at, now)
        self._conclude(attempt, outcome)
        attempt.timers.append(self._loop.after(LINGER, lambda: self._end_leftovers(attempt)))

    def _process_gone(
        self, attempt: Attempt, status: int | None, reason: str | None, lost: bool = False
    ) -> None:
        """The child is dead. What it left running has five seconds after a finish, and none without one."""
        if attempt.gone:
            return
        attempt.gone, attempt.status = True, status
        self._pids.pop(attempt.pid or 0, None)
        if attempt.outcome is None and attempt.stream is not None:
            attempt.stream.read_now()
        spoke = attempt.outcome is not None
        if not spoke:
            why = attempt.stop_reason or reason or self._explain(status or 0)
            facts = endings.exit_facts(status)
            failure = endings.outcome_of_failure(
                why, attempt.started_at, time.time(), lost=attempt.lost or lost, **facts
            )
            self._conclude(attempt, failure)
        self._loop.at_end_of_turn(lambda: self._tidy_up(attempt, spoke))

    def _tidy_up(self, attempt: Attempt, spoke: bool) -> None:
        """When the turn is over: what others have to say in it is waited for, the end of a log is not."""
        attempt.read_log(self._loop)
        if attempt.pid is None or not kernel.kill_group(attempt.pid, 0):
            self._end(attempt)
        elif not spoke:
            self._end_leftovers(attempt)

    def _explain(self, status: int) -> str:
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        return (self._kills.explain() if killed else None) or endings.describe_status(status)

    def terminate(self, attempt: Attempt, grace: float, reason: str) -> None:
        """TERM to the attempt's group, KILL after the grace; it fails with this reason."""
        if attempt.stop_reason is not None or attempt.outcome is not None:
            return
        attempt.stop_reason = reason
        if not attempt.launched:
            if attempt.kit is not None:
                attempt.kit.zygotes.withdraw(attempt.id)
            self._conclude(attempt, endings.outcome_of_failure(reason, None, time.time(), lost=attempt.lost))
            self._end(attempt)
        elif attempt.pid is not None:
            pid = attempt.pid
            kernel.signal_leader(pid, signal.SIGTERM)
            attempt.timers.append(self._loop.after(grace, lambda: self._kill(attempt, pid)))

    def lose_all(self, grace: float, reason: str) -> None:
        """End everything that runs because the agent itself ends."""
        for attempt in list(self.attempts.values()):
            attempt.lost = True
            self.terminate(attempt, grace, reason)

    def _kill(self, attempt: Attempt, pid: int) -> None:
        if not attempt.gone:
            kernel.signal_leader(pid, signal.SIGKILL)
            kernel.kill_session(pid)

    # ---- ending

    def _conclude(self, attempt: Attempt, outcome: Message) -> None:
        """The one outcome of an attempt: written down, then reported."""
        if attempt.outcome is not None or attempt.lock is None:
            return
        if attempt.pid is not None:
            self._tell_start(attempt, attempt.pid)
        attempt.outcome = outcome
        _write_down(attempt, outcome=outcome)
        self._send(messages.finished(attempt.id, outcome))

    def _end_leftovers(self, attempt: Attempt) -> None:
        """Kill what is left of the attempt's session; the attempt ends when it is empty."""
        if attempt.ended:
            return
        left = kernel.kill_session(attempt.pid) if attempt.pid is not None else 0
        if left or not attempt.gone:
            attempt.timers.append(self._loop.after(0.02, lambda: self._end_leftovers(attempt)))
        else:
            self._end(attempt)

    def _end(self, attempt: Attempt) -> None:
        if attempt.ended or attempt.outcome is None:
            return
        attempt.read_log(self._loop)
        attempt.log.end(endings.last_line(attempt.outcome, attempt.status))
        if not attempt.acked:
            _write_down(attempt, ended=True)
        attempt.close(self._loop)
        if attempt.acked:
            self._forget(attempt)
        self._on_end()

    def _forget(self, attempt: Attempt) -> None:
        self._spool.remove(attempt.id)
        del self.attempts[attempt.id]

    def adopt(self, attempt: Attempt) -> None:
        """Hold what an earlier agent left behind: an outcome to report and nothing to run."""
        self.attempts[attempt.id] = attempt
        if attempt.outcome is not None:
            self._send(messages.finished(attempt.id, attempt.outcome))

    # ---- small

    def list_processes(self) -> list[Message]:
        """What runs, for the status page."""
        tasks = [a for a in self.attempts.values() if a.pid is not None and not a.gone]
        return [{"role": "task", "pid": a.pid, "about": a.about} for a in tasks]

    def living(self) -> dict[str, int | None]:
        """Attempts that have not ended, and their sessions."""
        return {attempt.id: attempt.pid for attempt in self.attempts.values() if not attempt.ended}

    def _held(self, ids: Iterable[str]) -> list[Attempt]:
        return [self.attempts[id] for id in ids if id in self.attempts]

    def _kit(self) -> Kit:
        assert self.kit is not None  # noqa: S101 - set where the agent is composed
        return self.kit


def _write_down(attempt: Attempt, **facts: Any) -> None:
    """Add to the attempt's file. A full disk costs the proof after a crash, but not the report itself."""
    try:
        if attempt.lock is not None:
            spool.append(attempt.lock, **facts)
    except OSError as error:
        log.error("cannot write down attempt %s: %s", attempt.id, error)


def _identity(work: workload.Workload) -> dict[str, Any]:
    names = ("dag_id", "run_id", "task_id", "map_index", "try_number", "bundle", "file")
    return {name: getattr(work, name) for name in names}
