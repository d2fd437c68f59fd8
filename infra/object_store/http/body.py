"""The body of a request while it arrives: what waits unread is bounded."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.object_store.errors import StoreError
from infra.object_store.http.errors import refuse
from infra.object_store.http.intake import incomplete

HIGH_WATER = 512 << 10
"""Bytes that wait unread before the client is told to wait."""
LOW_WATER = 128 << 10
SMALL = 64 << 10
"""A body of at most so many bytes is awaited before its request is looked at: streaming it would gain nothing."""
IDLE_SECONDS = 30.0


def _want_nothing() -> None:
    return


@dataclass(slots=True)
class Body:
    """Bytes as they come in. Filled by the connection, read by one reader."""

    length: int | None
    """Content-Length; None for a chunked transfer."""
    on_want: Callable[[], None] = _want_nothing
    """Called when the reader waits or has taken something: time to say 100 Continue, or to read on."""
    chunks: deque[bytes] = field(default_factory=deque)
    waiting: int = 0
    """Bytes that are here and unread."""
    received: int = 0
    complete: bool = False
    broken: bool = False
    discarding: bool = False
    """Nobody wants what still comes."""
    _waiter: asyncio.Future[None] | None = None
    _wanted: int = 0

    def add(self, data: bytes) -> None:
        """Bytes from the socket."""
        self.received += len(data)
        if self.discarding:
            return
        self.chunks.append(data)
        self.waiting += len(data)
        if self.waiting >= self._wanted:
            self._wake()

    def end(self, *, broken: bool = False) -> None:
        """No more will come; `broken` when more should have."""
        self.complete, self.broken = not broken, broken
        self._wake()

    @property
    def starves(self) -> bool:
        """Whether a reader waits for more than is here."""
        return self._waiter is not None

    async def discard(self, seconds: float) -> bool:
        """Let the rest come and forget it; whether its end came in time."""
        self.discarding = True
        self.chunks.clear()
        self.waiting = 0
        with contextlib.suppress(StoreError):
            async with asyncio.timeout(seconds):
                while not self.complete and not self.broken:
                    await self._wait(HIGH_WATER)
        return self.complete

    async def read(self, size: int) -> bytes:
        """About `size` bytes, fewer at the end, b"" after it. Raises StoreError when the client stops sending."""
        while self.waiting < size and not self.complete:
            if self.broken:
                raise incomplete()
            await self._wait(size)
        self.on_want()
        return self._take(size)

    def _take(self, size: int) -> bytes:
        if len(self.chunks) == 1:
            self.waiting = 0
            return self.chunks.popleft()
        taken, total = [], 0
        while self.chunks and total < size:
            piece = self.chunks.popleft()
            taken.append(piece)
            total += len(piece)
        self.waiting -= total
        return b"".join(taken)

    async def _wait(self, size: int) -> None:
        self._wanted = size
        before = self.received
        self._waiter = asyncio.get_running_loop().create_future()
        self.on_want()
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._waiter
        except TimeoutError:
            if self.received == before and not self.discarding:
                raise refuse(
                    "RequestTimeout",
                    "Your socket connection to the server was not read from or written to within the timeout period. "
                    "Idle connections will be closed.",
                ) from None
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
