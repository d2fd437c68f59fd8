"""Spares: children that are forked ahead of their attempts, and wait on a socket of the agent's for their work.

A file zygote in use has one at least; when the last is taken the next is asked for. It may be taken before it exists:
its work is in the socket then before the child is there to read it. So every attempt gets its process in this one way.
While a file rests a stock is laid in, as many as it used when it was last at work: the first tasks of its next run
have their processes then, and the machine is theirs.
"""

from __future__ import annotations

import itertools
import socket
from dataclasses import dataclass, field

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.agent.loop import Loop
from runner.agent.stream import Stream

MOST = 16
"""How many one file has: about 3 MB each, while they are there."""


@dataclass(slots=True, eq=False)
class Spare:
    """A child without an attempt."""

    id: str
    stream: Stream
    pid: int | None = None


@dataclass(slots=True, eq=False)
class Spares:
    """The spares of one zygote, and which attempts got earlier ones."""

    prefix: str
    enough: int = 1
    """How many are to wait while the file rests."""
    _used: int = 0
    """How many were taken since it last rested."""
    _waiting: dict[str, Spare] = field(default_factory=dict)
    """By id, the oldest first."""
    _taken: dict[str, str] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self, loop: Loop, zygote: Stream) -> None:
        """Have the zygote fork one more."""
        ours, its = socket.socketpair()
        id = f"{self.prefix}.{next(self._numbers)}"
        spare = Spare(id, Stream(loop, ours, _ignore, lambda _reason: self._forget(id)))
        fd = its.detach()
        if zygote.send(messages.fork(spare.id), [fd], [fd]):
            self._waiting[id] = spare
        else:
            spare.stream.close()

    def take(self, attempt: str) -> Spare | None:
        """The spare that waits longest, for this attempt; None when there is none."""
        if not self._waiting:
            return None
        spare = self._waiting.pop(next(iter(self._waiting)))
        self._taken[spare.id] = attempt
        self._used += 1
        return spare

    def rest(self) -> None:
        """The file has no work: the next time it may need as many as it did this time, within reason."""
        if self._used:
            self.enough, self._used = min(self._used, MOST), 0

    def lose(self) -> None:
        """Let all end: their sockets close."""
        self.enough, self._used = 1, 0
        for id in list(self._waiting):
            self._forget(id)

    def note_forked(self, id: str, pid: int) -> str | None:
        """Whose child was forked: the attempt, or None while it is nobody's."""
        if id in self._waiting:
            self._waiting[id].pid = pid
        return self._taken.get(id)

    def note_exited(self, id: str) -> str | None:
        """Whose child has ended: the attempt, or None when it was nobody's."""
        self._forget(id)
        return self._taken.pop(id, None)

    def _forget(self, id: str) -> None:
        """It waits no more."""
        spare = self._waiting.pop(id, None)
        if spare is not None:
            spare.stream.close()


def _ignore(_message: Message) -> None:
    """A spare has nothing to say."""
