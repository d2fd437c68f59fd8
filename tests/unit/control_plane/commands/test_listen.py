"""The certificate of a service that runs: later connections are shown the renewed one."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from pathlib import Path

import pytest

from control_plane.commands import listen
from control_plane.tls import Identity, ensure_identity

NOW = dt.datetime.now(dt.UTC)


async def app(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def test_connections_are_shown_the_renewed_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "_RENEW_SECONDS", 0.02)
    hosts: list[str] = []

    def renew() -> Identity:
        return ensure_identity(tmp_path, tuple(hosts), NOW)

    async def is_trusted(port: int, name: str) -> bool:
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
        except ssl.SSLCertVerificationError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    async def story() -> None:
        sockets = listen.bind("127.0.0.1", 0, 0, (0, 0))
        stop = asyncio.Event()
        renew()
        serving = asyncio.create_task(listen.serve(app, sockets, renew, stop))
        try:
            assert await is_trusted(sockets.tls_port, "my-env.web.localhost")
            assert not await is_trusted(sockets.tls_port, "my-env.web.new.example")
            hosts.append("new.example")
            async with asyncio.timeout(20):
                while not await is_trusted(sockets.tls_port, "my-env.web.new.example"):
                    await asyncio.sleep(0.01)
        finally:
            stop.set()
            await serving

    asyncio.run(story())
