"""Length-prefixed JSON over a stream socket: four bytes of big-endian length, then UTF-8 JSON.

File descriptors may ride on a frame (SCM_RIGHTS). A stream keeps no message borders, so a frame that carries
descriptors says how many under "fds", and the reader takes that many from the front of what has arrived.
"""

from __future__ import annotations

import array
import json
import socket
import struct
from collections import deque
from typing import Any

MAX_FRAME = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False)
_DECODER = json.JSONDecoder()
_FD_ROOM = socket.CMSG_LEN(8 * array.array("i").itemsize) if hasattr(socket, "CMSG_LEN") else 0

Message = dict[str, Any]


class FrameError(ValueError):
    """The peer sent something that is not a frame; the connection cannot be trusted any more."""


def encode(message: Message | str) -> bytes:
    """One frame, ready to send. A text is a message that is JSON already."""
    body = (message if isinstance(message, str) else _COMPACT.encode(message)).encode()
    if len(body) > MAX_FRAME:
        raise FrameError(f"cannot send a frame of {len(body)} bytes; the limit is {MAX_FRAME}")
    return _LENGTH.pack(len(body)) + body


class FrameBuffer:
    """Turns whatever bytes arrive into whole messages."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes, oldest first."""
        pending = self._pending
        pending += data
        messages = []
        start = 0
        while len(pending) - start >= 4:
            (length,) = _LENGTH.unpack_from(pending, start)
            if length > MAX_FRAME:
                raise FrameError(f"cannot read a frame of {length} bytes; the limit is {MAX_FRAME}")
            if len(pending) - start - 4 < length:
                break
            messages.append(_decode(pending[start + 4 : start + 4 + length]))
            start += 4 + length
        del pending[:start]
        return messages


def _decode(body: bytes | bytearray) -> Message:
    try:
        text = body.decode()
        message, end = _DECODER.raw_decode(text)
    except ValueError as error:
        raise FrameError(f"cannot read a frame: {error}") from None
    if not isinstance(message, dict) or end != len(text):
        raise FrameError("cannot read a frame: it is not a JSON object")
    return message


class Channel:
    """A blocking duplex of frames over a socket, for the ends that do one thing at a time (child, zygote)."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = FrameBuffer()
        self._ready: deque[Message] = deque()
        self._fds: deque[int] = deque()

    def send(self, message: Message | str, fds: list[int] | None = None) -> None:
        """Send one frame whole; `fds` are duplicated into the receiver."""
        send(self.sock, message, fds)

    @property
    def pending(self) -> bool:
        """A whole message has arrived already: the next `receive` will not wait."""
        return bool(self._ready)

    def receive(self) -> tuple[Message, list[int]] | None:
        """The next message and its descriptors; None once the peer has closed."""
        while not self._ready:
            data, fds = receive_some(self.sock)
            self._fds.extend(fds)
            if not data:
                return None
            self._ready.extend(self._buffer.feed(data))
        message = self._ready.popleft()
        return message, [self._fds.popleft() for _ in range(message.get("fds", 0))]


def send(sock: socket.socket, message: Message | str, fds: list[int] | None = None) -> None:
    """Send one frame on a blocking socket, with descriptors riding on its first byte."""
    if not fds:
        sock.sendall(encode(message))
        return
    assert isinstance(message, dict)  # noqa: S101 - nothing that carries descriptors is written out
    data = encode({**message, "fds": len(fds)})
    sent = socket.send_fds(sock, [data], fds)
    if sent < len(data):
        sock.sendall(data[sent:])


def receive_some(sock: socket.socket, size: int = 65536) -> tuple[bytes, list[int]]:
    """What has arrived: bytes (empty at the end of the stream) and any descriptors (close-on-exec)."""
    data, ancillary, _flags, _address = sock.recvmsg(size, _FD_ROOM, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    return data, list(fds)
