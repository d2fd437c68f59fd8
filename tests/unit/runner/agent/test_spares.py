"""How many spares a file keeps, and how they end."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow._wire.frames import Channel

from runner.agent import kernel
from runner.agent.file_zygote import FileZygote
from runner.agent.loop import Loop
from runner.agent.spares import MOST, Spare, Spares
from runner.agent.stream import Stream
from runner.agent.zygotes import Zygotes


class Zygote:
    """The other end: which children were asked for, and the sockets that they were given."""

    def __init__(self, loop: Loop) -> None:
        ours, its = socket.socketpair()
        self.loop = loop
        self.stream = Stream(loop, ours, lambda _message: None, lambda _reason: None)
        self.spares = Spares("z1")
        self.children: list[socket.socket] = []
        self.taken: list[Spare] = []
        self._channel = Channel(its)

    def ask(self, count: int) -> list[str]:
        """Have so many forked; their ids."""
        found = []
        for _ in range(count):
            self.spares.ask(self.loop, self.stream)
            message, (fd,) = self._channel.receive() or ({}, [])
            found.append(message["attempt"])
            self.children.append(socket.socket(fileno=fd))
        return found

    def take(self, attempt: str) -> Spare:
        spare = self.spares.take(attempt)
        assert spare is not None
        self.taken.append(spare)
        return spare

    def close(self) -> None:
        self.spares.lose()
        self._channel.sock.close()
        for end in (self.stream, *self.children, *(spare.stream for spare in self.taken)):
            end.close()


@pytest.fixture
def zygote() -> Iterator[Zygote]:
    loop = Loop()
    made = Zygote(loop)
    yield made
    made.close()
    loop.close()


def test_the_oldest_is_taken_first_and_knows_its_attempt_whenever_it_is_forked(zygote: Zygote) -> None:
    spares, ids = zygote.spares, zygote.ask(3)
    assert spares.note_forked(ids[0], 100) is None
    taken = [zygote.take(attempt) for attempt in ("a", "b")]
    assert [(spare.id, spare.pid) for spare in taken] == [(ids[0], 100), (ids[1], None)]
    assert spares.note_forked(ids[1], 101) == "b"
    assert len(spares) == 1
    assert spares.note_exited(ids[0]) == "a" and spares.note_exited(ids[0]) is None


@pytest.mark.parametrize(("used", "enough"), [(0, 1), (1, 1), (3, 3), (MOST, MOST), (MOST + 9, MOST)])
def test_what_was_used_is_kept_until_it_is_used_otherwise(zygote: Zygote, used: int, enough: int) -> None:
    def use(count: int) -> None:
        zygote.ask(count)
        for number in range(count):
            zygote.take(str(number))

    use(used)
    zygote.spares.rest()
    assert zygote.spares.enough == enough
    zygote.spares.rest()  # as it does before each that it lays in
    assert zygote.spares.enough == enough
    use(2)
    zygote.spares.rest()
    assert zygote.spares.enough == 2


def test_all_that_wait_end_when_they_are_lost_and_those_at_work_do_not(zygote: Zygote) -> None:
    zygote.ask(3)
    working, spares = zygote.take("a"), zygote.spares
    spares.rest()
    spares.lose()
    assert (len(spares), spares.enough, spares.take("b")) == (0, 1, None)
    assert [child.recv(1) for child in zygote.children[1:]] == [b"", b""]
    assert not working.stream.closed


@pytest.mark.parametrize(("free", "laid_in"), [((15, 100), 0), ((30, 100), 1), (None, 1)])
def test_none_is_laid_in_while_memory_is_short(
    zygote: Zygote, monkeypatch: pytest.MonkeyPatch, free: tuple[int, int] | None, laid_in: int
) -> None:
    nothing: Any = None
    zygotes = Zygotes(zygote.loop, nothing, nothing, Path, Path("/dev/null"), 1.0, nothing, set)
    file = FileZygote("z1", "bundle", "f.py", stream=zygote.stream, ready=True)
    file.spares = zygote.spares
    zygotes._files["bundle", "f.py"] = file
    zygote.ask(3)
    for attempt in ("a", "b", "c"):
        zygote.take(attempt)
    monkeypatch.setattr(kernel, "find_free_memory", lambda: free)
    zygotes._lay_in(file)
    assert (len(file.spares), file.spares.enough) == (laid_in, 3)
