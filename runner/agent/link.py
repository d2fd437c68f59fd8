"""The connection to the engine: made again and again for ever, and refused when the engine is a stale one.

Nothing is kept for an engine that is away: what it must know is in the attempts, and is told to the next one after
its welcome. A message sent while there is none is dropped here.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

from airflow._wire.frames import Message

from runner.agent.loop import Loop
from runner.agent.stream import Stream

log = logging.getLogger("aerodrome.agent.link")

FIRST_RETRY, LAST_RETRY = 0.05, 1.0
WELCOME_LIMIT = 10.0
GATHER = 0.012
"""How long news waits for more in a crowd: the engine's turn costs as much for one report as for ten."""


class Link:
    """Speaks with whichever engine listens on the socket."""

    def __init__(
        self, loop: Loop, path: Path, epoch_file: Path, hello: Callable[[], Message],
        on_welcome: Callable[[Message], None], on_message: Callable[[Message], None], on_lost: Callable[[], None],
        is_crowded: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._loop, self._path, self._epoch_file = loop, path, epoch_file
        self._hello, self._on_welcome, self._on_message, self._on_lost = (
            hello,
            on_welcome,
            on_message,
            on_lost,
        )
        self._is_crowded = is_crowded
        self._stream: Stream | None = None
        self._welcomed = False
        self._delay = FIRST_RETRY
        self._epoch = _read_epoch(epoch_file)

    @property
    def is_up(self) -> bool:
        return self._welcomed

    def connect(self) -> None:
        """Try now, and later again if need be."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(os.fspath(self._path))
        except OSError:
            sock.close()
            self._try_later()
            return
        stream = Stream(self._loop, sock, lambda m: self._on_frame(stream, m), self._on_close)
        self._stream = stream
        self._loop.after(WELCOME_LIMIT, lambda: self._give_up_on(stream))
        stream.send(self._hello())

    def send(self, message: Message) -> None:
        """Send at the end of this turn, or with what follows shortly while there is much of it; or drop.

        An outcome goes at once, for the next task waits for it: the engine works while we do the rest of the turn.
        """
        if not self._welcomed or self._stream is None:
            return
        crowded = self._is_crowded()
        self._stream.send_soon(message, GATHER if crowded else 0.0)
        if message["kind"] == "finished" and not crowded:
            self._stream.uncork()

    def close(self) -> None:
        self._welcomed = False
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _on_frame(self, stream: Stream, message: Message) -> None:
        if self._welcomed:
            self._on_message(message)
        elif message["kind"] == "welcome":
            self._greet(stream, message)

    def _greet(self, stream: Stream, message: Message) -> None:
        epoch = message["epoch"]
        if epoch < self._epoch:
            log.warning("refusing an engine of epoch %d; epoch %d has been served", epoch, self._epoch)
            stream.close()
            self._on_close("it is stale")
            return
        if epoch > self._epoch:
            self._epoch = epoch
            _write_epoch(self._epoch_file, epoch)
        self._welcomed, self._delay = True, FIRST_RETRY
        log.info("connected to the engine of epoch %d", epoch)
        self._on_welcome(message)

    def _give_up_on(self, stream: Stream) -> None:
        if self._stream is stream and not self._welcomed and not stream.closed:
            stream.close()
            self._on_close("it said no welcome")

    def _on_close(self, reason: str) -> None:
        was_up, self._welcomed, self._stream = self._welcomed, False, None
        if was_up:
            log.warning("lost the engine: %s", reason)
            self._on_lost()
        self._try_later()

    def _try_later(self) -> None:
        self._loop.after(self._delay, self.connect)
        self._delay = min(LAST_RETRY, self._delay * 2)


def _read_epoch(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _write_epoch(path: Path, epoch: int) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(str(epoch))
    temporary.replace(path)
