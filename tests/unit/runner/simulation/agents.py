"""An agent and its connection, simulated: frames are late, connections break, processes live and die by the seed.

What is promised of the real ones is kept: frames of one connection arrive in order; an attempt handed over twice is
started once; an outcome is set once and told again until it is acknowledged; an agent's death ends its processes.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.scheduler.link import AgentLink

Key = tuple[str, str, str, int]
"""DAG, run, task, map index: one task instance."""


@dataclass(slots=True)
class Held:
    """An attempt as the agent holds it."""

    work: Message
    ends_at: float
    ending: str
    alive: bool = True
    outcome: Message | None = None

    @property
    def key(self) -> Key:
        work = self.work
        return (work["dag_id"], work["run_id"], work["task_id"], work.get("map_index", -1))

    @property
    def is_callback(self) -> bool:
        return "callback" in (self.work.get("extra") or {})


@dataclass(slots=True)
class Wire:
    """One connection: what is under way in either direction, with the time of its arrival."""

    link: AgentLink
    up: deque[tuple[float, Message]] = field(default_factory=deque)
    down: deque[tuple[float, Message]] = field(default_factory=deque)
    is_open: bool = True


class Hub:
    """The engine's end: what `runner.scheduler.link.Hub` is, without sockets."""

    def __init__(self, net: Net) -> None:
        self.links: dict[int, AgentLink] = {}
        self._net = net
        self.gone: list[AgentLink] = []

    def wake(self) -> None:
        """Nothing sleeps."""

    def wait(self, _timeout: float | None) -> tuple[list[tuple[AgentLink, Message]], list[AgentLink]]:
        gone, self.gone = self.gone, []
        for link in gone:
            self.links.pop(link.id, None)
        return self._net.take_up(self), gone

    def send(self, link: AgentLink, message: Message) -> None:
        if link.id in self.links:
            self._net.carry_down(link, message)

    queue = send

    def flush(self) -> None:
        """All is sent at once."""

    def find(self, agent: str) -> AgentLink | None:
        return next((link for link in reversed(self.links.values()) if link.agent == agent), None)

    def drop(self, link: AgentLink) -> None:
        if self.links.pop(link.id, None) is not None:
            self._net.cut(link)

    def close(self) -> None:
        for link in list(self.links.values()):
            self.drop(link)


class Net:
    """The connection between one agent and whatever engine there is."""

    def __init__(self, rng: random.Random, steady: Callable[[], float]) -> None:
        self._rng, self._steady = rng, steady
        self.hub: Hub | None = None
        self.wire: Wire | None = None
        self._count = 0

    def connect(self) -> bool:
        """A new connection, when there is an engine."""
        if self.hub is None:
            return False
        self._count += 1
        self.wire = Wire(AgentLink(self._count, None))  # type: ignore[arg-type]
        self.hub.links[self._count] = self.wire.link
        return True

    def cut(self, _link: AgentLink | None = None) -> None:
        """The connection breaks: what is under way is lost."""
        if self.wire is not None:
            if self.hub is not None:
                self.hub.gone.append(self.wire.link)
            self.wire = None

    def carry_up(self, message: Message) -> None:
        if self.wire is not None:
            self._carry(self.wire.up, message)

    def carry_down(self, link: AgentLink, message: Message) -> None:
        if self.wire is not None and self.wire.link is link:
            self._carry(self.wire.down, message)

    def _carry(self, queue: deque[tuple[float, Message]], message: Message) -> None:
        delay = self._rng.choice((0.0, 0.0, 0.001, 0.2, 3.0))
        at = max(self._steady() + delay, queue[-1][0] if queue else 0.0)
        queue.append((at, message))

    def take_up(self, _hub: Hub) -> list[tuple[AgentLink, Message]]:
        if self.wire is None:
            return []
        link = self.wire.link
        return [(link, message) for message in self._take(self.wire.up)]

    def take_down(self) -> list[Message]:
        return self._take(self.wire.down) if self.wire is not None else []

    def _take(self, queue: deque[tuple[float, Message]]) -> list[Message]:
        found = []
        while queue and queue[0][0] <= self._steady():
            found.append(queue.popleft()[1])
        return found


class Agent:
    """One agent. `truth` says how each attempt's process really ended."""

    def __init__(
        self, rng: random.Random, net: Net, steady: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self._rng, self._net, self._steady, self._wall = rng, net, steady, wall
        self.attempts: dict[str, Held] = {}
        self.truth: dict[str, str] = {}
        self.called: list[tuple[str, str, str]] = []
        """Callbacks that were really called: DAG, run, kind."""
        self.works: list[Message] = []
        """Workloads that began, until `World` has looked at them."""
        self.is_up, self._incarnation = True, 0
        self.slots = 6
        self.rate = 0.3

    def step(self) -> None:
        """Do what its time has come for."""
        if not self.is_up:
            return
        if self._net.wire is None and self._net.connect():
            self._greet()
        for message in self._net.take_down():
            getattr(self, f"_on_{message['kind']}", lambda _message: None)(message)
        for attempt, held in list(self.attempts.items()):
            if held.alive and held.ends_at <= self._steady():
                self._end(attempt, held, held.ending)

    def die(self) -> None:
        """kill -9: its processes die with it, what it wrote down stays."""
        self.is_up = False
        self._net.cut()
        for attempt, held in self.attempts.items():
            if held.alive:
                held.alive = False
                self.truth.setdefault(attempt, "lost")
                held.outcome = self._failure("its agent died", lost=True)

    def rise(self) -> None:
        self.is_up, self._incarnation = True, self._incarnation + 1

    def take_rest(self) -> None:
        """What was sent before the other end died arrives all the same."""
        if self.is_up and self._net.wire is not None:
            for _at, message in self._net.wire.down:
                getattr(self, f"_on_{message['kind']}", lambda _message: None)(message)

    def repeat(self) -> None:
        """Tell an outcome again that was told already."""
        for attempt, held in self.attempts.items():
            if held.outcome is not None:
                self._net.carry_up(messages.finished(attempt, held.outcome))

    def _greet(self) -> None:
        told = messages.hello("agent", str(self._incarnation), 1, "host", self.slots, list(self.attempts))
        self._net.carry_up(told)

    def _on_welcome(self, _message: Message) -> None:
        for attempt, held in self.attempts.items():
            if held.outcome is not None:
                self._net.carry_up(messages.finished(attempt, held.outcome))
            else:
                self._net.carry_up(messages.started(attempt, 7, self._wall()))

    def _on_run(self, message: Message) -> None:
        for work in message["workloads"]:
            if work["attempt"] not in self.attempts:
                length = self._rng.choice((0.01, 0.5, 2.0, 20.0))
                ending = "failed" if self._rng.random() < self.rate else "success"
                held = Held(work, self._steady() + length, ending)
                if held.is_callback:
                    held.ending, held.ends_at = "success", self._steady() + self._rng.choice((0.5, 8.0))
                self.attempts[work["attempt"]] = held
                self.works.append(work)
                self._net.carry_up(messages.started(work["attempt"], 7, self._wall()))

    def _on_stop(self, message: Message) -> None:
        held = self.attempts.get(message["attempt"])
        if held is None:
            lost = self._failure(message["reason"], lost=True)
            self._net.carry_up(messages.finished(message["attempt"], lost))
        elif held.alive:
            held.ends_at = min(held.ends_at, self._steady() + self._rng.choice((0.0, 0.1, 4.0)))
            held.ending = "failed"

    def _on_ack(self, message: Message) -> None:
        for attempt in message["attempts"]:
            held = self.attempts.get(attempt)
            if held is not None and held.outcome is not None:
                del self.attempts[attempt]

    def _end(self, attempt: str, held: Held, state: str) -> None:
        held.alive = False
        self.truth[attempt] = state
        if held.is_callback:
            kind: Any = held.work["extra"]["callback"]["kind"]
            self.called.append((held.work["dag_id"], held.work["run_id"], kind))
        now = self._wall()
        held.outcome = messages.outcome(state, started_at=now, ended_at=now, reason=f"{state} it was")
        self._net.carry_up(messages.finished(attempt, held.outcome))

    def _failure(self, reason: str, lost: bool) -> Message:
        now = self._wall()
        return messages.outcome("failed", started_at=None, ended_at=now, reason=reason, lost=lost)
