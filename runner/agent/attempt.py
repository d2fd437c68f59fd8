"""One attempt as the agent holds it: what is open for it, and how far it has come."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow._wire.frames import Message
from airflow._wire.workload import Workload

from runner.agent.logs import AttemptLog
from runner.agent.loop import Loop, Timer
from runner.agent.stream import Stream

if TYPE_CHECKING:
    from runner.agent.kit import Kit

_PIPE_READ = 65536
_LOG_NEWS = 0.05
"""Seconds in which nobody looks at what an attempt logs: a short one is read once, when it has ended."""
_ENOUGH = 64  # reads that empty any pipe, but not one that a stray keeps filling


@dataclass(slots=True, eq=False)
class Attempt:
    """From `run` to `ack`. `outcome` is set once and is final; `ended` means that nothing is open any more."""

    id: str
    workload: Workload
    lock: int | None
    log: AttemptLog
    kit: Kit | None = None
    """What its process is started with; None for one that an earlier agent left."""
    data: Message = field(default_factory=dict)
    """The workload as it came, passed on to the child."""
    stream: Stream | None = None
    pipe: int | None = None
    watched: bool = False
    """Whether the loop looks after the pipe."""
    launched: bool = False
    orphaned: bool = False
    lost: bool = False
    pid: int | None = None
    started_at: float | None = None
    start_told: bool = False
    """Whether the engine was told, on this connection, that the process exists."""
    status: int | None = None
    gone: bool = False
    outcome: Message | None = None
    ended: bool = False
    acked: bool = False
    stop_reason: str | None = None
    asks: dict[int, Message] = field(default_factory=dict)
    timers: list[Timer] = field(default_factory=list)

    @property
    def about(self) -> str:
        return f"{self.workload.dag_id}.{self.workload.task_id}"

    def open_pipe(self, loop: Loop) -> int:
        """Make the log pipe, which is soon watched; the descriptor that the child writes to."""
        self.pipe, writer = os.pipe2(os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        os.set_blocking(self.pipe, False)
        self.timers.append(loop.after(_LOG_NEWS, lambda: self._watch_log(loop)))
        return writer

    def _watch_log(self, loop: Loop) -> None:
        if self.pipe is not None:
            self.watched = True
            loop.watch(self.pipe, lambda: self.read_log(loop, once=True))

    def read_log(self, loop: Loop, once: bool = False) -> None:
        """Take what waits in the log pipe, closing it at its end."""
        for _ in range(1 if once else _ENOUGH):
            if self.pipe is None:
                return
            try:
                data = os.read(self.pipe, _PIPE_READ)
            except BlockingIOError:
                return
            if data:
                self.log.feed(data)
            else:
                self.close_pipe(loop)

    def close_pipe(self, loop: Loop) -> None:
        if self.pipe is None:
            return
        if self.watched:
            loop.forget(self.pipe)
            self.watched = False
        os.close(self.pipe)
        self.pipe = None

    def close(self, loop: Loop) -> None:
        """Close all that is open; the lock last. A process that the task left behind may hold it on: its file is not
        used again then."""
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()
        self.asks.clear()
        self.close_pipe(loop)
        if self.stream is not None:
            self.stream.close()
            self.stream = None
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None
        self.ended = True
