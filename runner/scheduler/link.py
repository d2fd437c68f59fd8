"""The engine's end of the agents' sockets: never blocking, many agents, one wake-up for the other threads."""

from __future__ import annotations

import logging
import selectors
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow._wire import frames
from airflow._wire.frames import FrameBuffer, FrameError, Message

log = logging.getLogger(__name__)
_CHUNK = 1 << 18
_LISTENER, _WAKER = "listener", "waker"


@dataclass(slots=True, eq=False)
class AgentLink:
    """One connection of an agent. It has no name until its hello."""

    id: int
    sock: socket.socket
    agent: str = ""
    incarnation: str = ""
    host: str = ""
    pid: int = 0
    slots: int = 0
    since: float = 0.0
    revision: int = 0
    """Of the cell's spec, as the agent runs by it; 0 until it has said so."""
    held: set[str] = field(default_factory=set)
    """Attempts handed over and not acknowledged: they take its slots."""
    heartbeat: Message | None = None
    buffer: FrameBuffer = field(default_factory=FrameBuffer)
    outgoing: bytearray = field(default_factory=bytearray)

    @property
    def free(self) -> int:
        return self.slots - len(self.held)


class Hub:
    """The listening socket, the links, and the loop's only wait."""

    def __init__(self, path: Path) -> None:
        self.links: dict[int, AgentLink] = {}
        self._path = path
        self._count = 0
        self._selector = selectors.DefaultSelector()
        self._listener = _listen(path)
        self._woken, self._waker = socket.socketpair()
        for sock in (self._listener, self._woken, self._waker):
            sock.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, _LISTENER)
        self._selector.register(self._woken, selectors.EVENT_READ, _WAKER)

    def wake(self) -> None:
        """End the wait, from any thread; nothing when the hub is closed."""
        try:
            self._waker.send(b"!")
        except OSError:
            pass  # it is full of wake-ups already, or closed: nobody waits any more

    def wait(self, timeout: float | None) -> tuple[list[tuple[AgentLink, Message]], list[AgentLink]]:
        """Wait for anything; the messages that arrived, in order by link, and the links that are gone."""
        arrived: list[tuple[AgentLink, Message]] = []
        gone: list[AgentLink] = []
        for key, mask in self._selector.select(timeout):
            if key.data == _LISTENER:
                self._accept()
            elif key.data == _WAKER:
                _drain(self._woken)
            else:
                self._serve(key.data, mask, arrived, gone)
        return arrived, gone

    def send(self, link: AgentLink, message: Message) -> None:
        """Queue a frame and send what the socket takes now."""
        if link.id in self.links:
            link.outgoing += frames.encode(message)
            self._flush(link)

    def queue(self, link: AgentLink, message: Message) -> None:
        """Queue a frame for the next `flush`."""
        if link.id in self.links:
            link.outgoing += frames.encode(message)

    def flush(self) -> None:
        """Send what is queued for every link, as far as the sockets take it now."""
        for link in self.links.values():
            if link.outgoing:
                self._flush(link)

    def find(self, agent: str) -> AgentLink | None:
        """The newest link of an agent."""
        return next((link for link in reversed(self.links.values()) if link.agent == agent), None)

    def drop(self, link: AgentLink) -> None:
        """Close a link."""
        if self.links.pop(link.id, None) is not None:
            self._selector.unregister(link.sock)
            link.sock.close()

    def close(self) -> None:
        """Close everything; agents notice and try again until there is an engine."""
        for link in list(self.links.values()):
            self.drop(link)
        self._selector.close()
        for sock in (self._listener, self._woken, self._waker):
            sock.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            sock, _address = self._listener.accept()
        except OSError as error:
            log.warning("cannot accept an agent: %s", error)
            return
        sock.setblocking(False)
        self._count += 1
        link = AgentLink(self._count, sock)
        self.links[link.id] = link
        self._selector.register(sock, selectors.EVENT_READ, link)

    def _serve(self, link: AgentLink, mask: int, arrived: list[Any], gone: list[AgentLink]) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush(link)
        if not mask & selectors.EVENT_READ or link.id not in self.links:
            return
        is_open, data = _receive(link.sock)
        try:
            arrived += [(link, message) for message in link.buffer.feed(data)]
        except FrameError as error:
            log.error("cannot understand agent %s: %s", link.agent, error)
            is_open = False
        if not is_open:
            self.drop(link)
            gone.append(link)

    def _flush(self, link: AgentLink) -> None:
        out = link.outgoing
        try:
            while out:
                del out[: link.sock.send(out[:_CHUNK])]
        except BlockingIOError:
            pass
        except OSError:
            out.clear()  # the read side reports that the peer is gone
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if out else 0)
        if self._selector.get_key(link.sock).events != events:
            self._selector.modify(link.sock, events, link)


def _listen(path: Path) -> socket.socket:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(path))
    path.chmod(0o600)  # the directory is private too
    sock.listen(64)
    return sock


def _receive(sock: socket.socket) -> tuple[bool, bytes]:
    """Whether the peer is there still, and what arrived."""
    parts = []
    try:
        while data := sock.recv(_CHUNK):
            parts.append(data)
            if len(data) < _CHUNK:
                return True, b"".join(parts)
    except BlockingIOError:
        return True, b"".join(parts)
    except OSError:
        pass
    return False, b"".join(parts)


def _drain(sock: socket.socket) -> None:
    try:
        while sock.recv(4096):
            pass
    except BlockingIOError:
        pass
