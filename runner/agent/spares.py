"""Spares: children that are forked ahead of their attempts, and wait on a socket of the agent's for their work.

A file zygote in use has one; the next is asked for when it is taken. It may be taken before it exists: its work is in
the socket then before the child is there to read it. So every attempt gets its process in this one way.
"""

from __future__ import annotations

import itertools
import socket
from dataclasses import dataclass, field

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.agent.loop import Loop
from runner.agent.stream import Stream


@dataclass(slots=True, eq=False)
class Spare:
    """A child without an attempt."""

    id: str
    stream: Stream
    pid: int | None = None


@dataclass(slots=True, eq=False)
class Spares:
    """The spare of one zygote, and which attempts got earlier ones."""

    prefix: str
    _waiting: Spare | None = None
    _taken: dict[str, str] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def ask(self, loop: Loop, zygote: Stream) -> None:
        """Have the zygote fork a spare, unless there is one."""
        if self._waiting is not None:
            return
        ours, its = socket.socketpair()
        id = f"{self.prefix}.{next(self._numbers)}"
        spare = Spare(id, Stream(loop, ours, _ignore, lambda _reason: self._forget(id)))
        fd = its.detach()
        if zygote.send(messages.fork(spare.id), [fd], [fd]):
            self._waiting = spare
        else:
            spare.stream.close()

    def take(self, attempt: str) -> Spare | None:
        """The spare, for this attempt; None when there is none."""
        spare, self._waiting = self._waiting, None
        if spare is not None:
            self._taken[spare.id] = attempt
        return spare

    def lose(self) -> None:
        """Let the spare end: its socket closes."""
        spare, self._waiting = self._waiting, None
        if spare is not None:
            spare.stream.close()

    def note_forked(self, id: str, pid: int) -> str | None:
        """Whose child was forked: the attempt, or None while it is nobody's."""
        if self._waiting is not None and self._waiting.id == id:
            self._waiting.pid = pid
        return self._taken.get(id)

    def note_exited(self, id: str) -> str | None:
        """Whose child has ended: the attempt, or None when it was nobody's."""
        self._forget(id)
        return self._taken.pop(id, None)

    def _forget(self, id: str) -> None:
        """The waiting spare has died."""
        if self._waiting is not None and self._waiting.id == id:
            self.lose()


def _ignore(_message: Message) -> None:
    """A spare has nothing to say."""
