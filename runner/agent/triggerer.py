"""A triggerer: a process of the environment's interpreter that runs triggers, started again whenever it dies."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from airflow._wire.frames import Message

from runner.agent import kernel
from runner.agent.interpreter import Interpreter
from runner.agent.loop import Loop, Timer
from runner.agent.stream import Stream

log = logging.getLogger("aerodrome.agent.triggerer")

START_LIMIT = 60.0
STUCK_LIMIT = 120.0
_FIRST_RESTART, _SLOWEST_RESTART = 0.1, 5.0
_HEALTHY_AFTER = 30.0


class Triggerer:
    """One process at a time. `first`: what it is told first. `on_up` is called for every process that begins.

    One whose loop has not turned for two minutes is killed: its triggers go on in the next.
    """

    def __init__(
        self, loop: Loop, interpreter: Interpreter, output: Path, first: Message,
        on_message: Callable[[Message], None], on_up: Callable[[Triggerer], None],
    ) -> None:  # fmt: skip
        self._loop, self._interpreter, self._output, self._first = loop, interpreter, output, first
        self._on_message, self._on_up = on_message, on_up
        self._stream: Stream | None = None
        self._limit: Timer | None = None
        self._delay = _FIRST_RESTART
        self._stopped = False
        self.pid: int | None = None
        self.since = self.at = time.time()
        """When its process began, and when its loop turned last."""
        self.is_up = False

    def start(self) -> None:
        """Start the process."""
        if self._stopped or self.pid is not None:
            return
        ours, its = socket.socketpair()
        output = os.open(self._output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self.pid = self._interpreter.spawn("trigger", its.fileno(), output)
        except OSError as error:
            ours.close()
            log.error("cannot start a triggerer: %s", error)
            self._start_later()
            return
        finally:
            its.close()
            os.close(output)
        self.since = self.at = time.time()
        stream = self._stream = Stream(self._loop, ours, self._take, lambda why: self._on_close(stream, why))
        self._watch(START_LIMIT)
        stream.send(self._first)
        self._on_up(self)

    def send(self, message: Message) -> None:
        """Tell it something; dropped while there is no process, for the next is told everything."""
        if self._stream is not None:
            self._stream.send(message)

    def stop(self) -> None:
        """End it for good. It has a few seconds to clean up."""
        self._stopped = True
        self._cancel_limit()
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self.pid is not None:
            pid = self.pid
            self._loop.after(_SLOWEST_RESTART + 2.0, lambda: self._kill_rest(pid))

    def reaped(self, pid: int) -> bool:
        """Whether a process that the agent has reaped was this one."""
        if pid != self.pid:
            return False
        self.pid, self.is_up = None, False
        if self._stream is not None:
            self._stream.read_now()  # its last words
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._cancel_limit()
        if not self._stopped:
            log.warning("the triggerer %d is gone; it is started again", pid)
            self._start_later()
        return True

    def _take(self, message: Message) -> None:
        if message["kind"] != "alive":
            self._on_message(message)
            return
        self.is_up, self.at = True, message["at"]
        if self.at - self.since > _HEALTHY_AFTER:
            self._delay = _FIRST_RESTART
        self._watch(STUCK_LIMIT)

    def _on_close(self, stream: Stream, reason: str) -> None:
        """It hung up, or cannot be understood: it is killed, and its end noticed where it is reaped."""
        if stream is not self._stream:
            return
        self._stream, self.is_up = None, False
        log.warning("the triggerer hung up: %s", reason)
        if self.pid is not None:
            kernel.kill(self.pid)

    def _start_later(self) -> None:
        self._loop.after(self._delay, self.start)
        self._delay = min(_SLOWEST_RESTART, self._delay * 2)

    def _watch(self, seconds: float) -> None:
        self._cancel_limit()
        pid = self.pid
        if pid is not None:
            self._limit = self._loop.after(seconds, lambda: self._give_up_on(pid))

    def _give_up_on(self, pid: int) -> None:
        log.error("killing the triggerer %d: its event loop does not turn", pid)
        self._kill_rest(pid)

    def _kill_rest(self, pid: int) -> None:
        if self.pid == pid:
            kernel.kill(pid)

    def _cancel_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
