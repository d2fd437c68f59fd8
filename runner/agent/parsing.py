"""Parsing DAG files, each in a forked child of its own that nothing in the file can turn against its neighbours.

Timetables of users are asked in such children, too. Invariant: exactly one answer for each file of a request, as
long as the connection that asked lives; a child that is over leaves no process behind. A file whose child dies with
the parse zygote is tried again alone.
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.agent import endings, kernel
from runner.agent.base import BaseZygote
from runner.agent.importing import ImportQuestions
from runner.agent.loop import Loop, Timer
from runner.agent.parse_zygote import IDLE_SECONDS, ParseZygote
from runner.agent.stream import Stream

WATCH_INTERVAL = 0.25
MOST_PROCESSES = 64
AT_ONCE = (os.cpu_count() or 1) + 1
"""One more than processors: none of them waits while a child that has ended is reaped and the next is forked."""
TIMEOUT_MARGIN = 2.0
"""Seconds more than the child gives itself: its own time-out comes first and names the line that hangs."""
TRIES = 3
_SHAPE = {
    "dags": list,
    "error": str | None,
    "seconds": float | int,
    "modules": list,
    "warnings": list,
    "asked": dict,
}
_ANSWER_SHAPE = {"answer": dict | None, "error": str | None}


@dataclass(slots=True, eq=False)
class Job:
    """One file to parse, or one to ask a timetable of (`question`)."""

    request: str
    bundle: str
    file: str
    timeout: float
    dag_id: str = ""
    question: Message | None = None
    tries: int = 0
    id: str = ""
    pid: int | None = None
    stream: Stream | None = None
    deadline: Timer | None = None
    result: Message | None = None
    trouble: str | None = None
    reported: bool = False

    @property
    def shape(self) -> dict[str, Any]:
        return _SHAPE if self.question is None else _ANSWER_SHAPE

    def describe(self, bundle_path: str) -> Message:
        """What the parse zygote is told."""
        if self.question is None:
            return messages.parse_file(self.id, bundle_path, self.file)
        return messages.consult_file(self.id, bundle_path, self.file, self.dag_id, self.question)

    def answer(self, result: Message) -> Message:
        """What the engine is told."""
        if self.question is None:
            return messages.parsed(self.request, self.file, result)
        return messages.timetable_answered(self.request, result.get("answer"), result["error"])


class Parser:
    """Keeps as many parse children busy as are of use."""

    def __init__(
        self, loop: Loop, base: BaseZygote, bundle_path: Callable[[str], Path],
        send: Callable[[Message], None], on_end: Callable[[], None], imports: ImportQuestions,
        idle_seconds: float = IDLE_SECONDS, variables: Mapping[str, str | None] | None = None,
        prefix: str = "",
    ) -> None:  # fmt: skip
        """`variables`: how those of parse children differ from the base zygote's; `prefix`: of the ids
        of children, which are unique in the agent.
        """
        self._imports, self._prefix = imports, prefix
        self._loop, self._bundle_path, self._send, self._on_end = loop, bundle_path, send, on_end
        self._numbers = itertools.count(1)
        self._queue: deque[Job] = deque()
        self._running: dict[str, Job] = {}
        self._watching = False
        self._zygote = ParseZygote(loop, base, self, idle_seconds, dict(variables or {}))

    def parse(self, message: Message) -> None:
        """Queue the files of a request."""
        where = message["id"], message["bundle"]
        self._queue.extend(Job(*where, file, message["timeout"]) for file in message["files"])
        self.pump()

    def consult(self, message: Message) -> None:
        """Ask a timetable, before whatever else waits: a run may be due."""
        where = message["id"], message["bundle"], message["file"], message["timeout"]
        self._queue.appendleft(Job(*where, message["dag_id"], message["question"]))
        self.pump()

    def cancel(self) -> None:
        """Nobody waits for the results any more: drop what has not begun."""
        self._queue.clear()
        for job in self._running.values():
            job.reported = True

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to parse or to ask."""
        return not self._queue and not self._running

    def sessions(self) -> set[int]:
        """The sessions of living parse children and of what forks them."""
        pids = [self._zygote.pid, *(job.pid for job in self._running.values())]
        return {pid for pid in pids if pid is not None}

    def zygote_pid(self) -> int | None:
        """The parse zygote, while there is one."""
        return self._zygote.pid

    def pump(self) -> None:
        """Start what may start now."""
        if self._queue or self._running:
            self._zygote.want()
        else:
            self._zygote.rest_later()
        while self._queue and self._has_room(self._queue[0]):
            self._start(self._queue.popleft())

    def forker_ready(self) -> None:
        self.pump()

    def fail_all(self, reason: str) -> None:
        """Nothing can be parsed: say so for all that waits."""
        jobs, self._queue = list(self._queue), deque()
        for job in jobs:
            self._report(job, _failure(reason))

    def forker_died(self) -> None:
        """Every child died with the parse zygote: begin again, one at a time."""
        jobs, self._running = list(self._running.values()), {}
        self._on_end()
        for job in reversed(jobs):
            self._drop(job)
            job.pid = job.trouble = job.result = None
            if job.reported:
                continue
            if job.tries >= TRIES:
                self._report(
                    job, _failure(f"cannot import {job.file}: the process that parses died every time")
                )
            else:
                self._queue.appendleft(job)
        self.pump()

    def child_forked(self, id: str, pid: int) -> None:
        if id == self._zygote.id:
            self._zygote.pid = pid
        job = self._running.get(id)
        if job is None:
            return
        job.pid = pid
        job.deadline = self._loop.after(
            job.timeout + TIMEOUT_MARGIN,
            lambda: self._kill(job, endings.describe_slow_import(job.timeout)),
        )
        if not self._watching:
            self._watching = True
            self._loop.after(WATCH_INTERVAL, self._watch)

    def child_exited(self, id: str, status: int) -> bool:
        """Whether the child was one of ours."""
        job = self._running.get(id)
        if job is None:
            return False
        if job.stream is not None and not job.reported:
            job.stream.read_now()
        if job.trouble is None and job.result is None:
            job.trouble = f"its process ended while it was parsed: {endings.describe_status(status)}"
        self._finish(job)
        return True

    def _has_room(self, job: Job) -> bool:
        if not self._zygote.ready:
            return False
        alone = job.tries > 0 or any(other.tries > 1 for other in self._running.values())
        return len(self._running) < (1 if alone else AT_ONCE)

    def _start(self, job: Job) -> None:
        job.id, job.tries = f"p{self._prefix}{next(self._numbers)}", job.tries + 1
        ours, its = socket.socketpair()
        self._running[job.id] = job
        job.stream = Stream(
            self._loop, ours, lambda m: self._on_result(job, m), lambda why: self._on_close(job, why)
        )
        self._zygote.ask(job.describe(str(self._bundle_path(job.bundle))), its)

    def _on_result(self, job: Job, message: Message) -> None:
        if job.result is not None or job.trouble is not None:
            return
        if message.get("kind") == "ask" and job.stream is not None:
            self._imports.ask(job.id, message, job.stream.send)
            return
        if not all(isinstance(message.get(key), kind) for key, kind in job.shape.items()):
            self._kill(job, "its process wrote to the agent's socket")
            return
        job.result = message
        self._report(job, message)

    def _on_close(self, job: Job, reason: str) -> None:
        job.stream = None
        if job.result is None and "closed" not in reason:
            self._kill(job, f"its process wrote to the agent's socket: {reason}")

    def _kill(self, job: Job, trouble: str) -> None:
        job.trouble = job.trouble or trouble
        if job.pid is not None:
            kernel.signal_leader(job.pid, signal.SIGKILL)
            kernel.kill_session(job.pid)

    def _watch(self) -> None:
        """A file that starts process after process is stopped before it fills the machine."""
        self._watching = False
        slow = [job for job in self._running.values() if job.pid is not None and job.result is None]
        members = [process.session for process in kernel.list_processes()] if slow else []
        for job in slow:
            if members.count(job.pid or 0) > MOST_PROCESSES:
                self._kill(job, f"it started more than {MOST_PROCESSES} processes")
        if self._running:
            self._watching = True
            self._loop.after(WATCH_INTERVAL, self._watch)

    def _finish(self, job: Job) -> None:
        """The child is reaped: empty its session, then report and take the next."""
        if job.pid is not None and kernel.kill_group(job.pid, 0) and kernel.kill_session(job.pid):
            self._loop.after(0.01, lambda: self._finish(job))
            return
        if self._running.pop(job.id, None) is None:
            return
        self._drop(job)
        if job.trouble is not None:
            self._on_end()
            self._report(job, _failure(f"cannot import {job.file}: {job.trouble}"))
        self.pump()

    def _report(self, job: Job, result: Message) -> None:
        if not job.reported:
            job.reported = True
            self._send(job.answer(result))

    def _drop(self, job: Job) -> None:
        self._imports.forget(job.id)
        if job.deadline is not None:
            job.deadline.cancel()
        if job.stream is not None:
            job.stream.close()
            job.stream = None


def _failure(error: str) -> Message:
    return messages.parse_result([], error, 0.0, [], [])
