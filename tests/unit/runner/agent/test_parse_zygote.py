"""The parse zygote's life as the agent leads it: opened when wanted, let go when idle, opened again after a death."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from airflow._wire import messages
from airflow._wire.frames import Channel, Message

from runner.agent.loop import Loop
from runner.agent.parse_zygote import ParseZygote


class Base:
    """A base zygote that hands each new parse zygote's socket to the test."""

    ready = True

    def __init__(self) -> None:
        self.opened: list[tuple[Message, Channel]] = []

    def ask(self, message: Message, sock: socket.socket) -> None:
        self.opened.append((message, Channel(sock)))


class Owner:
    def __init__(self, loop: Loop) -> None:
        self.loop, self.said = loop, list[Any]()

    def hear(self, *what: Any) -> None:
        self.said.append(what)
        self.loop.stop()

    def forker_ready(self) -> None:
        self.hear("ready")

    def forker_died(self) -> None:
        self.hear("died")

    def child_forked(self, id: str, pid: int) -> None:
        self.hear("forked", id, pid)

    def child_exited(self, id: str, status: int) -> bool:
        self.hear("exited", id, status)
        return True


class Stage:
    """A parse zygote of the agent's side, and the other end of its conversation."""

    def __init__(self) -> None:
        self.loop, self.base = Loop(), Base()
        self.owner = Owner(self.loop)
        self.zygote = ParseZygote(self.loop, self.base, self.owner, 0.02, {})  # type: ignore[arg-type]
        self.loop.after(10, lambda: pytest.fail("the loop heard nothing"))

    def turn(self) -> None:
        """Until the owner has heard something."""
        self.loop._running = True
        self.loop.run()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    for _message, channel in made.base.opened:
        channel.sock.close()
    made.zygote._rest()
    made.loop.close()


def test_it_opens_once_when_wanted_twice(stage: Stage) -> None:
    stage.zygote.want()
    stage.zygote.want()
    [(message, channel)] = stage.base.opened
    assert message["kind"] == "open_parser" and message["id"] == stage.zygote.id
    channel.send(messages.ready([], None))
    stage.turn()
    channel.send(messages.forked("p1", 7))
    stage.turn()
    channel.send(messages.exited("p1", 7, 9))
    stage.turn()
    assert stage.owner.said == [("ready",), ("forked", "p1", 7), ("exited", "p1", 9)]


def test_it_waits_for_the_base_zygote(stage: Stage) -> None:
    stage.base.ready = False
    stage.zygote.want()
    assert stage.base.opened == []


def test_it_is_let_go_when_idle_and_opened_again_when_wanted(stage: Stage) -> None:
    stage.zygote.want()
    stage.zygote.rest_later()
    stage.zygote.want()  # wanted again before its time: it stays
    stage.zygote.rest_later()
    stage.loop.after(0.1, stage.loop.stop)
    stage.turn()
    [(_message, channel)] = stage.base.opened
    assert channel.receive() is None, "its socket is closed, which ends it"
    assert stage.owner.said == [], "no death to mourn"
    stage.zygote.want()
    assert len(stage.base.opened) == 2


def test_a_death_is_told_once_and_the_next_opens_at_once(stage: Stage) -> None:
    stage.zygote.want()
    stage.base.opened[0][1].send(messages.ready([], None))
    stage.turn()
    stage.base.opened[0][1].sock.close()
    stage.turn()
    assert stage.owner.said == [("ready",), ("died",)]
    stage.zygote.want()
    assert len(stage.base.opened) == 2


def test_one_that_dies_before_it_begins_is_not_opened_in_a_hot_loop(stage: Stage) -> None:
    stage.zygote.want()
    stage.base.opened[0][1].sock.close()
    stage.turn()
    stage.zygote.want()
    assert len(stage.base.opened) == 1
    stage.turn()  # the pause is over: the owner is told to try again
    assert stage.owner.said == [("died",), ("ready",)]
    stage.zygote.want()
    assert len(stage.base.opened) == 2
