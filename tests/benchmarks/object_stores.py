"""The embedded object store beside moto's server: small objects, pages of a listing, one large object, memory.

The client is obstore with 16 requests in flight, on the same machine. moto keeps objects in memory and checks no
signatures; ours has every acknowledged object on the disk.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import obstore
from obstore.store import S3Store

from tests.benchmarks import machine
from tests.benchmarks.measure import Row
from tests.benchmarks.setup import Setup
from tests.fakes.own_s3 import OwnS3
from tests.fakes.s3_server import S3Server

_IN_FLIGHT = 16
_SMALL = 4096
_MIB = 1 << 20


def run(setup: Setup) -> Iterator[Row]:
    """A row of each side for each measured run."""
    for turn in range(setup.choose(setup.runs, 1)):
        with closing(_Ours(setup.scratch / f"s3-{turn}")) as ours:
            yield _measure(ours, setup)
        with closing(_Moto()) as moto:
            yield _measure(moto, setup)


class _Ours:
    name, durability = "aerodrome", "fsync"

    def __init__(self, home: Path) -> None:
        self._server = OwnS3(home)
        self._server.start()
        self._server.client().create_bucket(Bucket="bench")
        admin = self._server.admin
        self.keys = {"access_key_id": admin.access_key_id, "secret_access_key": admin.secret_access_key}
        self.endpoint, self.pid = self._server.endpoint, self._server.pid

    def close(self) -> None:
        self._server.stop()
        self._server.database.close()


class _Moto:
    name, durability = "moto", "memory"

    def __init__(self) -> None:
        self._server = S3Server()
        self._server.start()
        self._server.make_bucket("bench")
        self.keys = {"access_key_id": "any", "secret_access_key": "any"}
        self.endpoint, self.pid = self._server.endpoint, self._server.pid

    def close(self) -> None:
        self._server.stop()


def _measure(side: _Ours | _Moto, setup: Setup) -> Row:
    row = Row("s3-peers", side.name, "A", side.durability)
    store = S3Store(
        "bench",
        endpoint=side.endpoint,
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True, "timeout": "600s"},
        **side.keys,
    )
    row.figures["idle_pss_mib"] = machine.pss_mib(side.pid)
    count = setup.choose(3000, 200)
    asyncio.run(_measure_small(store, count, row))
    began = time.perf_counter()
    listed = sum(len(page) for page in obstore.list(store, "small/"))
    row.figures["list_keys_per_s"] = listed / (time.perf_counter() - began)
    _measure_large(store, setup.choose(1024, 16), row)
    row.figures["pss_after_mib"] = machine.pss_mib(side.pid)
    if listed != count:
        row.void.append(f"{listed} keys listed, {count} put")
    return row


async def _measure_small(store: S3Store, count: int, row: Row) -> None:
    body = os.urandom(_SMALL)

    async def put(number: int) -> None:
        await obstore.put_async(store, f"small/{number:06}", body, use_multipart=False)

    async def get(number: int) -> None:
        found = await obstore.get_async(store, f"small/{number:06}")
        if bytes(await found.bytes_async()) != body:
            row.void.append(f"object {number} came back as another")

    row.figures["puts_per_s"] = await _rate(put, count)
    row.figures["gets_per_s"] = await _rate(get, count)


async def _rate(act: Callable[[int], Awaitable[None]], count: int) -> float:
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await act(number)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(_IN_FLIGHT)))
    return count / (time.perf_counter() - began)


def _measure_large(store: S3Store, mib: int, row: Row) -> None:
    body = os.urandom(_MIB) * mib
    began = time.perf_counter()
    obstore.put(store, "large", body, chunk_size=16 * _MIB, max_concurrency=4)
    row.figures["upload_mb_per_s"] = len(body) / 1e6 / (time.perf_counter() - began)
    began, size = time.perf_counter(), 0
    stream: Any = obstore.get(store, "large").stream(min_chunk_size=4 * _MIB)
    for piece in stream:
        size += len(piece)
    row.figures["download_mb_per_s"] = size / 1e6 / (time.perf_counter() - began)
    if size != len(body):
        row.void.append(f"{size} bytes came back of {len(body)}")
