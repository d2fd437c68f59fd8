"""The parse zygote: a fork of the base zygote that forks nothing but parse children.

It stands between DAG files that are being tried and everything that runs: a file that kills its parent while it is
parsed ends the other parses and no task. Opened when there is something to parse, closed after a while without.
"""

from __future__ import annotations

import itertools
import logging
import socket
from typing import Protocol

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.agent.base import BaseZygote
from runner.agent.loop import Loop, Timer
from runner.agent.stream import Stream

log = logging.getLogger("aerodrome.agent.parse_zygote")

IDLE_SECONDS = 60.0
_PAUSE = 0.2


class ParseOwner(Protocol):
    """Who works with the parse zygote."""

    def forker_ready(self) -> None: ...
    def forker_died(self) -> None: ...
    def child_forked(self, id: str, pid: int) -> None: ...
    def child_exited(self, id: str, status: int) -> bool: ...


class ParseZygote:
    """At most one process at a time. Its death is told once; whoever still wants it says so again."""

    def __init__(
        self, loop: Loop, base: BaseZygote, owner: ParseOwner, idle_seconds: float,
        variables: dict[str, str | None],
    ) -> None:  # fmt: skip
        self._loop, self._base, self._owner, self._idle_seconds = loop, base, owner, idle_seconds
        self._variables = variables
        self._numbers = itertools.count(1)
        self._stream: Stream | None = None
        self._idle: Timer | None = None
        self._pausing = False
        self.id = ""
        self.pid: int | None = None
        self.ready = False

    def want(self) -> None:
        """Have it open as soon as the base zygote can fork it; `forker_ready` follows."""
        self._keep()
        if self._stream is not None or self._pausing or not self._base.ready:
            return
        self.id = f"parse-zygote-{next(self._numbers)}"
        ours, its = socket.socketpair()
        self._stream = Stream(self._loop, ours, self._on_message, self._on_close)
        self._base.ask(messages.open_parser(self.id, self._variables), its)

    def ask(self, message: Message, sock: socket.socket) -> None:
        """Have it fork a child for a socket, which is spent. Only while it is `ready`."""
        assert self._stream is not None  # noqa: S101 - it has one for as long as it is ready
        fd = sock.detach()
        self._stream.send(message, [fd], [fd])

    def rest_later(self) -> None:
        """Nothing is left to parse: let it go unless it is wanted again soon."""
        self._keep()
        self._idle = self._loop.after(self._idle_seconds, self._rest)

    def _keep(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _rest(self) -> None:
        """It ends when its socket closes."""
        if self._stream is not None:
            self._stream.close()
        self._forget()

    def _forget(self) -> None:
        self._stream, self.pid, self.ready = None, None, False

    def _on_message(self, message: Message) -> None:
        kind = message["kind"]
        if kind == "ready":
            self.ready = True
            self._owner.forker_ready()
        elif kind == "forked":
            self._owner.child_forked(message["attempt"], message["pid"])
        elif kind == "exited":
            self._owner.child_exited(message["attempt"], message["status"])

    def _on_close(self, reason: str) -> None:
        was_ready = self.ready
        self._forget()
        log.warning("the parse zygote is gone: %s", reason)
        if not was_ready:  # it did not even begin: the next one waits a moment, for whatever is wrong to pass
            self._pausing = True
            self._loop.after(_PAUSE, self._end_pause)
        self._owner.forker_died()

    def _end_pause(self) -> None:
        self._pausing = False
        self._owner.forker_ready()
