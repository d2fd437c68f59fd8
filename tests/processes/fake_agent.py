"""An agent without processes: speaks the protocol over the real socket, and does with attempts what it is told."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow._wire import frames, messages

Outcome = Callable[[dict[str, Any]], dict[str, Any] | None]


def succeed(workload: dict[str, Any]) -> dict[str, Any]:
    """Every attempt ends well at once."""
    return messages.outcome("success", started_at=time.time(), ended_at=time.time())


class FakeAgent:
    """One agent. `held` survives reconnects as a real agent's spool does; `runs` counts executions by attempt."""

    def __init__(self, path: Path, slots: int = 32, name: str = "fake", decide: Outcome = succeed) -> None:
        self.path, self.slots, self.name, self.decide = path, slots, name, decide
        self.held: dict[str, dict[str, Any] | None] = {}
        self.runs: list[dict[str, Any]] = []
        self.stops: list[str] = []
        self.epochs: list[int] = []
        self.received: list[dict[str, Any]] = []
        self.report_starts = True
        self.sock: socket.socket | None = None

    def connect(self, deadline: float = 30.0) -> None:
        """Connect, waiting for the engine to listen, and say hello."""
        until = time.monotonic() + deadline
        while True:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self.sock.connect(str(self.path))
                break
            except (ConnectionRefusedError, FileNotFoundError):
                self.sock.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.005)
        self.buffer = frames.FrameBuffer()
        self.send(messages.hello(self.name, "i1", 1, "host", self.slots, sorted(self.held)))
        for attempt, outcome in self.held.items():
            if outcome is not None:
                self.send(messages.finished(attempt, outcome))

    def send(self, *outgoing: dict[str, Any]) -> None:
        assert self.sock is not None
        self.sock.sendall(b"".join(map(frames.encode, outgoing)))

    def serve(self, until: Callable[[], bool], deadline: float = 30.0, reconnect: bool = False) -> None:
        """Do as the engine says until `until()`, or fail after `deadline` seconds."""
        end = time.monotonic() + deadline
        while not until():
            assert time.monotonic() < end, f"timed out; {len(self.runs)} runs, holding {len(self.held)}"
            assert self.sock is not None
            self.sock.settimeout(0.05)
            try:
                data = self.sock.recv(1 << 18)
                if not data:
                    raise ConnectionResetError
                for message in self.buffer.feed(data):
                    self.handle(message)
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                if not reconnect:
                    raise
                self.sock.close()
                self.connect()

    def handle(self, message: dict[str, Any]) -> None:
        self.received.append(message)
        kind = message["kind"]
        if kind == "welcome":
            self.epochs.append(message["epoch"])
        elif kind == "run":
            outgoing = []
            for workload in message["workloads"]:
                outgoing += self.start(workload)
            self.send(*outgoing)
        elif kind == "ack":
            for attempt in message["attempts"]:
                self.held.pop(attempt, None)
        elif kind == "stop":
            self.stops.append(message["attempt"])
            if self.held.get(message["attempt"], 0) is None:
                self.finish(
                    message["attempt"], messages.outcome("failed", started_at=None, ended_at=time.time())
                )

    def start(self, workload: dict[str, Any]) -> list[dict[str, Any]]:
        attempt = workload["attempt"]
        if attempt in self.held:
            return []
        self.runs.append(workload)
        outcome = self.held[attempt] = self.decide(workload)
        told = [messages.started(attempt, 4711, time.time())] if self.report_starts else []
        return told + ([messages.finished(attempt, outcome)] if outcome is not None else [])

    def finish(self, attempt: str, outcome: dict[str, Any]) -> None:
        self.held[attempt] = outcome
        self.send(messages.finished(attempt, outcome))

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()
