"""Frames over a non-blocking socket inside the loop: the agent's end of every conversation."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections import deque
from collections.abc import Callable

from airflow._wire.frames import FrameBuffer, FrameError, Message, encode

from runner.agent.loop import Loop

log = logging.getLogger("aerodrome.agent.stream")

_RETRY_LATER = {errno.EAGAIN, errno.ETOOMANYREFS, errno.ENOBUFS}
_RETRY_AFTER = 0.005


class Stream:
    """One conversation. `on_close` is called once, with the reason, when the peer has gone or cannot be understood."""

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        on_message: Callable[[Message], None],
        on_close: Callable[[str], None],
    ) -> None:
        sock.setblocking(False)
        self._loop, self._sock = loop, sock
        self._fd = sock.fileno()
        self._on_message, self._on_close = on_message, on_close
        self._incoming = FrameBuffer()
        self._outgoing: deque[tuple[bytes, list[int], list[int]]] = deque()
        self._corked = bytearray()
        self._waiting = False
        self._deaf = False
        self.closed = False
        loop.watch(self._fd, self._read)

    def send(self, message: Message, fds: list[int] | None = None, spend: list[int] | None = None) -> bool:
        """Send a frame now or as soon as there is room. Descriptors in `spend` are closed once they are sent.

        False when it is certain that nobody will ever receive it.
        """
        data = encode({**message, "fds": len(fds)} if fds else message)
        self._outgoing.append((data, fds or [], spend or []))
        if self._deaf or self.closed:
            self._drop_outgoing()
        elif not self._waiting:
            self._write()
        return not (self._deaf or self.closed)

    def send_soon(self, message: Message, seconds: float = 0.0) -> None:
        """Send a frame at the end of this turn, or so many seconds later, together with the others until then."""
        if not self._corked and seconds:
            self._loop.after(seconds, self.uncork)
        elif not self._corked:
            self._loop.at_end_of_turn(self.uncork)
        self._corked += encode(message)

    def hand_over(self, on_message: Callable[[Message], None], on_close: Callable[[str], None]) -> None:
        """Somebody else takes the conversation from here."""
        self._on_message, self._on_close = on_message, on_close

    def close(self) -> None:
        """End the conversation from this side; `on_close` is not called."""
        if self.closed:
            return
        self.closed = True
        self._loop.forget(self._fd)
        self._sock.close()
        self._drop_outgoing()

    def read_now(self) -> None:
        """Handle what has arrived without waiting for the loop to come by."""
        if not self.closed:
            self._read()

    def uncork(self) -> None:
        """Send what waits for the end of the turn."""
        if not self._corked:
            return
        data, self._corked = bytes(self._corked), bytearray()
        if self.closed or self._deaf:
            return
        self._outgoing.append((data, [], []))
        if not self._waiting:
            self._write()

    def _read(self) -> None:
        try:
            data = self._sock.recv(262144)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(f"the connection broke: {error}")
            return
        if not data:
            self._fail("the connection was closed")
            return
        try:
            messages = self._incoming.feed(data)
        except (FrameError, RecursionError) as error:
            self._fail(str(error))
            return
        for message in messages:
            if self.closed:
                return
            try:
                self._on_message(message)
            except Exception as error:
                log.exception("cannot handle a %s message", message.get("kind"))
                self._fail(f"it sent a message that makes no sense: {error!r}")

    def _write(self) -> None:
        while self._outgoing:
            data, fds, spend = self._outgoing[0]
            try:
                sent = socket.send_fds(self._sock, [data], fds) if fds else self._sock.send(data)
            except OSError as error:
                if error.errno in _RETRY_LATER:
                    self._wait(error.errno)
                else:  # the peer reads no more, but its last words may still be waiting for us
                    self._deaf = True
                    self._drop_outgoing()
                    break
                return
            for fd in spend:
                os.close(fd)
            if sent == len(data):
                self._outgoing.popleft()
            else:
                self._outgoing[0] = (data[sent:], [], [])
        if self._waiting:
            self._waiting = False
            self._loop.rewatch(self._fd, self._read)

    def _wait(self, reason: int) -> None:
        """Go on when there is room; when the kernel has too many descriptors in flight, a little later."""
        if reason != errno.EAGAIN:
            self._loop.after(_RETRY_AFTER, lambda: None if self.closed else self._write())
        if not self._waiting and reason == errno.EAGAIN:
            self._waiting = True
            self._loop.rewatch(self._fd, self._read, self._write)

    def _drop_outgoing(self) -> None:
        for _data, _fds, spend in self._outgoing:
            for fd in spend:
                os.close(fd)
        self._outgoing.clear()

    def _fail(self, reason: str) -> None:
        if not self.closed:
            self.close()
            self._on_close(reason)
