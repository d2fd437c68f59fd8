"""One client's connection: requests in, answers out, in order. Keep-alive, 100-continue, back-pressure, limits.

socket -> httptools -> Exchange(head, body) --handler--> Answer -> socket
                          too much unread pauses the socket; too much unsent pauses the answer
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import httptools

from infra.object_store.http.answers import CONTINUE, Answer, refusal, write_head
from infra.object_store.http.body import HIGH_WATER, LOW_WATER, SMALL, Body
from infra.object_store.http.request import Head

log = logging.getLogger(__name__)
Handler = Callable[[Head, Body], Awaitable[Answer]]

_MAX_HEADERS = 32 << 10
_MAX_TARGET = 16 << 10
_MAX_QUEUE = 16
"""Requests that a client may send ahead before it is told to wait."""
_DRAIN = 1 << 20
"""Bytes of an unwanted body that are read to keep the connection; with more to come it is closed."""
_HEAD_SECONDS = 30.0
_IDLE_SECONDS = 120.0
_LINGER_SECONDS = 2.0
_WRITE_SECONDS = 60.0


class Owner(Protocol):
    """What a connection needs of its server."""

    handler: Handler
    closing: bool

    def add(self, connection: Connection) -> bool:
        """A client came; False when there are too many."""
        ...

    def discard(self, connection: Connection) -> None: ...

    def next_id(self) -> str: ...


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and what is owed to it."""

    head: Head
    body: Body
    keep_alive: bool
    expects: bool
    """The client waits for 100 Continue."""
    started: bool = False


class Connection(asyncio.Protocol):
    """One per client."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._peer = ""
        self._target = b""
        self._headers: list[tuple[str, bytes]] = []
        self._size = 0
        self._reading: Exchange | None = None
        self._queue: deque[Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._blocked = False
        self._paused = False
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None

    # asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        self._arm(_HEAD_SECONDS)
        if not self._owner.add(self):
            self._refuse(503, "SlowDown")

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        self._disarm()
        self._owner.discard(self)
        self._queue.clear()
        if self._reading is not None:
            self._reading.body.end(broken=True)
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(400, "BadRequest")
        if len(self._queue) > _MAX_QUEUE:
            self._pause()

    def eof_received(self) -> bool:
        """A client that has sent all may still wait for its answer."""
        if self._reading is not None:
            self._reading.body.end(broken=True)
        return self._task is not None

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # httptools calls

    def on_message_begin(self) -> None:
        self._target, self._headers, self._size = b"", [], 0
        if self._task is None:
            self._arm(_HEAD_SECONDS)

    def on_url(self, url: bytes) -> None:
        self._target += url
        if len(self._target) > _MAX_TARGET:
            self._refuse(414, "RequestURITooLong")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value)
        if self._size > _MAX_HEADERS:
            self._refuse(400, "RequestHeaderSectionTooLarge")
        self._headers.append((name.decode("latin-1").lower(), value))

    def on_headers_complete(self) -> None:
        if self._closing:
            return
        exchange = self._reading = self._make_exchange()
        body = exchange.body
        endless = body.length is None and "transfer-encoding" in exchange.head.headers
        if endless or (body.length is not None and body.length > SMALL):
            self._begin(exchange)
        elif body.length and exchange.expects:
            self._invite(exchange)

    def on_body(self, data: bytes) -> None:
        if self._reading is None:
            return
        body = self._reading.body
        body.add(data)
        if body.waiting > HIGH_WATER:
            self._pause()

    def on_message_complete(self) -> None:
        exchange, self._reading = self._reading, None
        if exchange is not None:
            exchange.body.end()
            self._begin(exchange)

    # requests, one after the other

    def _make_exchange(self) -> Exchange:
        headers: dict[str, str] = {}
        for name, raw in self._headers:
            value = raw.decode("latin-1").strip()
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        method = self._parser.get_method().decode("latin-1")
        head = Head(method, self._target, headers, self._headers, self._peer, self._owner.next_id())
        length = headers.get("content-length", "")
        body = Body(int(length) if length.isdigit() else None)
        expects = headers.get("expect", "").lower() == "100-continue"
        exchange = Exchange(head, body, self._parser.should_keep_alive(), expects)
        body.on_want = lambda: self._on_want(exchange)
        return exchange

    def _begin(self, exchange: Exchange) -> None:
        if exchange.started:
            return
        exchange.started = True
        self._disarm()
        self._queue.append(exchange)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._queue and not self._transport.is_closing():
                await self._serve(self._queue.popleft())
                if self._paused and len(self._queue) < _MAX_QUEUE // 2:
                    self._resume()
        except Exception:
            log.exception("an answer could not be sent; the connection is closed")
            self._transport.abort()
        finally:
            self._task = None
        if self._closing or self._owner.closing:
            self._transport.close()
        else:
            self._arm(_IDLE_SECONDS)

    async def _serve(self, exchange: Exchange) -> None:
        answer = await self._owner.handler(exchange.head, exchange.body)
        body = exchange.body
        rest = None if body.length is None else body.length - body.received
        drains = body.complete or (not exchange.expects and rest is not None and rest <= _DRAIN)
        keep = exchange.keep_alive and drains and not self._owner.closing
        self._closing = self._closing or not keep
        await self._send(exchange.head, answer, keep)
        if not body.complete:
            self._resume()
            await body.discard(_LINGER_SECONDS)
            self._closing = self._closing or not body.complete

    async def _send(self, head: Head, answer: Answer, keep: bool) -> None:
        self._transport.write(write_head(head, answer, keep))
        if answer.stream is None:
            return
        try:
            async with contextlib.aclosing(answer.stream) as pieces:
                async for piece in pieces:
                    self._transport.write(piece if answer.length is not None else _chunk(piece))
                    if self._transport.is_closing():
                        return
                    if self._blocked:
                        await self._wait_writable()
            if answer.length is None:
                self._transport.write(_chunk(b""))
        except BaseException:
            self._transport.abort()  # half an answer must not look whole
            raise

    async def _wait_writable(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(_WRITE_SECONDS):
            await self._writable
        if self._transport.is_closing():
            raise ConnectionResetError("the client went away")

    def _on_want(self, exchange: Exchange) -> None:
        if exchange.expects and not exchange.body.complete:
            self._invite(exchange)
        if self._paused and (exchange.body.starves or exchange.body.waiting < LOW_WATER):
            self._resume()

    def _invite(self, exchange: Exchange) -> None:
        exchange.expects = False
        self._transport.write(CONTINUE)

    # limits

    def _refuse(self, status: int, code: str) -> None:
        """What is no request that can be answered: a word, and the end."""
        if not self._closing:
            self._closing = True
            self._transport.write(refusal(status, code))
            self._transport.close()

    def _pause(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._transport.close()

    def close_when_idle(self) -> None:
        """The server stops: what is under way is finished first."""
        if self._task is None:
            self._transport.close()

    def abort(self) -> None:
        """At once."""
        self._transport.abort()


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)
