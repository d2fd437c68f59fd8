"""The public sockets: bound before all else, served plain and with TLS by one loop and one app."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn

from control_plane.tls import Identity

_DRAIN_SECONDS = 5
_BACKLOG = 512
_RENEW_SECONDS = 86_400.0
_log = logging.getLogger(__name__)


class CannotListen(RuntimeError):
    """A port cannot be had; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """The two listening sockets."""

    plain: socket.socket
    tls: socket.socket

    @property
    def port(self) -> int:
        return int(self.plain.getsockname()[1])

    @property
    def tls_port(self) -> int:
        return int(self.tls.getsockname()[1])


def bind(host: str, port: int, tls_port: int, former: tuple[int, int]) -> Sockets:
    """Take both ports. For port 0 that of `former` is tried first: a restart keeps its addresses."""
    plain = _bind(host, port, former[0], "--port")
    try:
        return Sockets(plain, _bind(host, tls_port, former[1], "--tls-port"))
    except CannotListen:
        plain.close()
        raise


def _bind(host: str, port: int, former: int, option: str) -> socket.socket:
    if port == 0 and former:
        with contextlib.suppress(OSError):
            return _listen(host, former)
    try:
        return _listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"another program uses it; choose another with {option} (0 picks a free one)"
        else:
            reason = error.strerror or str(error)
        raise CannotListen(f"cannot listen on {host}:{port}: {reason}") from None


def _listen(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: who runs two servers handles signals once, for both."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: Any, sockets: Sockets, renew: Callable[[], Identity], stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then let requests under way end. `renew` gives the certificate, asked again daily."""
    identity = renew()
    tls = {"ssl_certfile": str(identity.certificate), "ssl_keyfile": str(identity.key)}
    pairs = [(_server(app, {}), sockets.plain), (_server(app, tls), sockets.tls)]
    tasks = [asyncio.create_task(server.serve(sockets=[sock])) for server, sock in pairs]
    waiter = asyncio.create_task(stop.wait())
    keeper = asyncio.create_task(_keep_certificate(pairs[1][0].config, renew, _RENEW_SECONDS))
    await asyncio.wait([waiter, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for server, _ in pairs:
        server.should_exit = True
    await asyncio.gather(*tasks)
    waiter.cancel()
    keeper.cancel()


async def _keep_certificate(config: uvicorn.Config, renew: Callable[[], Identity], seconds: float) -> None:
    """Load the certificate anew now and then: connections that come later are shown a renewed one."""
    while True:
        await asyncio.sleep(seconds)
        try:
            identity = await asyncio.to_thread(renew)
            if config.ssl is not None:
                config.ssl.load_cert_chain(identity.certificate, identity.key)
        except OSError:
            _log.exception("cannot renew the certificate; the one there is stays")


def _server(app: Any, tls: dict[str, Any]) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        **tls,
    )
    return _Server(config)
