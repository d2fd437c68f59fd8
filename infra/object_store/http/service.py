"""The whole store behind one listening socket, from opening its folder to closing it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable
from pathlib import Path

from infra.object_store.http.access import Authorizer
from infra.object_store.http.front import Front, Site
from infra.object_store.http.routes import HANDLERS
from infra.object_store.http.server import Server
from infra.object_store.store.engine import Store, open_store

log = logging.getLogger(__name__)
_GRACE = 5.0
_HOUR = 3600.0


async def serve(
    folder: Path,
    sock: socket.socket,
    authorizer: Authorizer,
    site: Site,
    stop: asyncio.Event,
    on_ready: Callable[[Store], None] = lambda store: None,
) -> None:
    """Serve a folder until `stop`. `on_ready` is called when requests are answered. Raises StoreTaken, OSError."""
    store = await open_store(folder, time.time)
    server = Server(Front(store, authorizer, HANDLERS, site, stop).handle)
    chores = asyncio.create_task(_keep_house(store))
    try:
        await server.start(sock)
        on_ready(store)
        await stop.wait()
    finally:
        chores.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await chores
        await server.stop(_GRACE)
        await store.close()


async def _keep_house(store: Store) -> None:
    """Once an hour: what lifecycle rules say, then what nobody refers to any more."""
    while True:
        await asyncio.sleep(_HOUR)
        try:
            expired = await store.expire(time.time())
            removed = await store.collect()
            log.info("housekeeping: %d expired, %d files removed", expired, removed)
        except Exception:
            log.exception("housekeeping failed; it is tried again in an hour")
