"""The base zygote: the environment's interpreter with the SDK imported, started again whenever it dies."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path
from typing import Protocol

from airflow._wire.frames import Message

from runner.agent import kernel
from runner.agent.interpreter import Interpreter
from runner.agent.loop import Loop, Timer
from runner.agent.stream import Stream

log = logging.getLogger("aerodrome.agent.base")

START_LIMIT = 60.0
HOPELESS = 3
_FIRST_RESTART, _SLOWEST_RESTART = 0.2, 5.0


class BaseOwner(Protocol):
    """Who works with the base zygote."""

    def base_ready(self) -> None: ...
    def base_said(self, message: Message) -> None: ...
    def base_died(self) -> None: ...
    def base_hopeless(self, reason: str) -> None: ...


class BaseZygote:
    """One process at a time. When it cannot start at all, the owner is told after every try from the third on."""

    def __init__(self, loop: Loop, interpreter: Interpreter, owner: BaseOwner, output: Path) -> None:
        self._loop, self._interpreter, self._owner, self._output = loop, interpreter, owner, output
        self._stream: Stream | None = None
        self._limit: Timer | None = None
        self._failures = 0
        self._stopped = False
        self.pid: int | None = None
        self.ready = False

    def start(self) -> None:
        """Start the process."""
        if self._stopped:
            return
        ours, its = socket.socketpair()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        output = os.open(self._output, flags, 0o600)
        try:
            self.pid = pid = self._interpreter.spawn("zygote", its.fileno(), output)
        except OSError as error:
            ours.close()
            self._fail(error.strerror or str(error))
            return
        finally:
            its.close()
            os.close(output)
        self._stream = Stream(self._loop, ours, self._on_message, self._on_close)
        self._limit = self._loop.after(START_LIMIT, lambda: kernel.kill(pid))

    def stop(self) -> None:
        """End it for good; all that it forked dies with it."""
        self._stopped = True
        if self.pid is not None:
            kernel.kill(self.pid)

    def ask(self, message: Message, sock: socket.socket) -> None:
        """Have it fork for a socket, which is spent. Only while it is `ready`."""
        assert self._stream is not None  # noqa: S101 - it has one for as long as it is ready
        fd = sock.detach()
        self._stream.send(message, [fd], [fd])

    def reaped(self, pid: int) -> bool:
        """Whether a process that the agent has reaped was this one."""
        if pid != self.pid:
            return False
        self.pid = None
        return True

    def _on_message(self, message: Message) -> None:
        if message["kind"] != "ready":
            self._owner.base_said(message)
            return
        self._failures, self.ready = 0, True
        self._cancel_limit()
        self._owner.base_ready()

    def _on_close(self, reason: str) -> None:
        was_ready, self.ready, self._stream = self.ready, False, None
        self._cancel_limit()
        if self._stopped:
            return
        log.warning("the base zygote is gone: %s", reason)
        if self.pid is not None:
            kernel.kill(self.pid)
        self._owner.base_died()
        if was_ready:
            self.start()
        else:
            self._fail(self._last_words() or reason)

    def _fail(self, reason: str) -> None:
        self._failures += 1
        self._loop.after(min(_SLOWEST_RESTART, _FIRST_RESTART * 2**self._failures), self.start)
        if self._failures >= HOPELESS:
            error = f"cannot start the environment's interpreter {self._interpreter.python}: {reason}"
            log.error(error)
            self._owner.base_hopeless(error)

    def _last_words(self) -> str:
        lines = self._output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:500] if lines else ""

    def _cancel_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
