"""Listening, counting clients, and stopping: what is under way is finished, what idles is closed."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import socket

from infra.object_store.http.connection import Connection, Handler

MAX_CLIENTS = 1000
_BACKLOG = 512


class Server:
    """One listening socket with one handler."""

    def __init__(self, handler: Handler, max_clients: int = MAX_CLIENTS) -> None:
        self.handler = handler
        self.closing = False
        self._max = max_clients
        self._clients: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._prefix = secrets.token_hex(4).upper()
        self._count = itertools.count()
        self._server: asyncio.Server | None = None

    async def start(self, sock: socket.socket) -> None:
        """Serve on a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=sock, backlog=_BACKLOG)

    async def stop(self, grace: float) -> None:
        """No new clients; requests under way have `grace` seconds."""
        self.closing = True
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.close_when_idle()
        try:
            async with asyncio.timeout(grace):
                await self._empty.wait()
        except TimeoutError:
            for client in list(self._clients):
                client.abort()

    def add(self, connection: Connection) -> bool:
        self._clients.add(connection)
        self._empty.clear()
        return len(self._clients) <= self._max

    def discard(self, connection: Connection) -> None:
        self._clients.discard(connection)
        if not self._clients:
            self._empty.set()

    def next_id(self) -> str:
        """The id of a request: unique in this process and hard to guess from outside."""
        return f"{self._prefix}{next(self._count):08X}"
