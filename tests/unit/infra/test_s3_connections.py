"""One client's connection over a real socket: order, 100-continue, back-pressure, limits, ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from infra.object_store.http.answers import Answer
from infra.object_store.http.body import HIGH_WATER, Body
from infra.object_store.http.connection import Handler
from infra.object_store.http.request import Head
from infra.object_store.http.server import Server

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, **options: int) -> AsyncIterator[tuple[Server, int]]:
    server = Server(handler, **options)
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    await server.start(sock)
    try:
        yield server, sock.getsockname()[1]
    finally:
        await server.stop(1.0)


def talk(handler: Handler, conversation: Talk) -> None:
    """A conversation with a server of its own, in at most ten seconds."""

    async def run() -> None:
        async with asyncio.timeout(10), serving(handler) as (_server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await conversation(reader, writer)
            finally:
                writer.close()

    asyncio.run(run())


async def echo(head: Head, body: Body) -> Answer:
    """What came, and its length."""
    length = 0
    while piece := await body.read(HIGH_WATER):
        length += len(piece)
    return Answer(200, (("x-length", str(length)),), head.target)


async def settle(progress: Callable[[], int]) -> None:
    """Until nothing moves any more. Both ends are in this loop, so many turns without progress are the end of it."""
    before, still = progress(), 0
    while still < 200:
        await asyncio.sleep(0)
        now = progress()
        before, still = now, still + 1 if now == before else 0


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    status = int((await reader.readline()).split()[1])
    headers = {}
    while line := (await reader.readline()).decode().strip():
        name, _, value = line.partition(": ")
        headers[name] = value
    return status, headers, await reader.readexactly(int(headers.get("content-length", 0)))


def test_requests_sent_ahead_are_answered_in_their_order() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(40):
            writer.write(f"PUT /{number} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc".encode())
        for number in range(40):
            status, headers, body = await read_answer(reader)
            assert (status, headers["x-length"], body) == (200, "3", f"/{number}".encode())

    talk(echo, conversation)


def test_a_large_body_is_invited_only_when_it_is_wanted() -> None:
    async def refuse(head: Head, body: Body) -> Answer:
        return await echo(head, body) if head.target == b"/yes" else Answer(403)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ask = "PUT {} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n"
        writer.write(ask.format("/yes").encode())
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        await reader.readline()
        writer.write(b"x" * 100000)
        assert (await read_answer(reader))[1]["x-length"] == "100000"
        writer.write(ask.format("/no").encode())
        status, headers, _ = await read_answer(reader)
        assert (status, headers["connection"]) == (403, "close")

    talk(refuse, conversation)


def test_a_chunked_transfer_is_read_to_its_end() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        writer.write(b"4\r\ndefg\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await read_answer(reader))[1]["x-length"] == "7"
        assert (await read_answer(reader))[2] == b"/b"

    talk(echo, conversation)


def test_what_a_slow_reader_has_not_taken_stays_bounded() -> None:
    go = asyncio.Event()
    seen: list[Body] = []

    async def slow(head: Head, body: Body) -> Answer:
        seen.append(body)
        await go.wait()
        return await echo(head, body)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = 64 << 20
        writer.write(f"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
        sending = asyncio.ensure_future(_send(writer, size))
        while not seen or seen[0].waiting <= HIGH_WATER:
            await asyncio.sleep(0)
        await settle(lambda: seen[0].received)
        assert not sending.done() and seen[0].waiting < HIGH_WATER + (1 << 20)
        go.set()
        assert (await read_answer(reader))[1]["x-length"] == str(size)
        await sending

    talk(slow, conversation)


async def _send(writer: asyncio.StreamWriter, size: int) -> None:
    for _ in range(size >> 20):
        writer.write(b"x" * (1 << 20))
        await writer.drain()


def test_an_answer_waits_for_a_client_that_does_not_read() -> None:
    made = 0

    async def pieces() -> AsyncGenerator[bytes]:
        nonlocal made
        for _ in range(200):
            made += 1
            yield b"x" * (1 << 20)

    async def large(head: Head, body: Body) -> Answer:
        return Answer(200, stream=pieces(), length=200 << 20)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readline()
        await settle(lambda: made)
        assert 0 < made < 50
        while await reader.readline() != b"\r\n":
            pass
        for _ in range(200):
            await reader.readexactly(1 << 20)

    talk(large, conversation)


def test_half_an_answer_never_looks_whole() -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        yield b"x" * 1000
        raise OSError("the disk is gone")

    async def broken(head: Head, body: Body) -> Answer:
        return Answer(200, stream=pieces(), length=2000)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await read_answer(reader)

    talk(broken, conversation)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 40000 + b"\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_ends(raw: bytes, status: int) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        assert int((await reader.readline()).split()[1]) == status
        await reader.read()

    talk(echo, conversation)


def test_a_client_too_many_is_told_to_come_later() -> None:
    async def run() -> None:
        async with asyncio.timeout(10), serving(echo, max_clients=1) as (_server, port):
            first, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await read_answer(first))[0] == 200
            second, other = await asyncio.open_connection("127.0.0.1", port)
            assert b" 503 " in await second.readline()
            other.close()
            writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await read_answer(first))[0] == 200
            writer.close()

    asyncio.run(run())


def test_a_body_that_breaks_off_ends_its_request_and_no_other() -> None:
    outcomes: list[str] = []

    async def keep(head: Head, body: Body) -> Answer:
        try:
            return await echo(head, body)
        except Exception as error:
            outcomes.append(type(error).__name__)
            raise

    async def run() -> None:
        async with asyncio.timeout(10), serving(keep) as (_server, port):
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"x" * 1000)
            await writer.drain()
            writer.close()
            while not outcomes:
                await asyncio.sleep(0)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await read_answer(reader))[2] == b"/b"
            writer.close()

    asyncio.run(run())
    assert outcomes == ["StoreError"]
