"""How far the embedded object store goes: pages of many keys, and objects as large as one PUT may be.

boto3 takes most of the time for its own reading of XML, so pages are also asked for plainly, over one connection and
with presigned addresses. `server_cpu_s` is the store's share of the time.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from infra.object_store.model import ObjectRef
from infra.object_store.store.engine import Store, open_store
from tests.benchmarks import machine
from tests.benchmarks.measure import Row
from tests.benchmarks.setup import Setup
from tests.fakes.own_s3 import OwnS3, running_own_s3

_MIB = 1 << 20
_PER_FOLDER = 100
_AT_ONCE = 500
_MARKS = {
    "NextContinuationToken": "ContinuationToken",
    "NextKeyMarker": "KeyMarker",
    "NextVersionIdMarker": "VersionIdMarker",
}
_NEXT = re.compile(f"<({'|'.join(_MARKS)})>([^<]+)<")
BUCKET = "bench"


def pages(setup: Setup) -> Iterator[Row]:
    """All pages of 100,000 keys, flat and by folder; a page deep in the list beside the first."""
    count = setup.choose(100_000, 3000)
    with running_own_s3(setup.scratch / "s3-pages") as s3:
        s3.client().create_bucket(Bucket=BUCKET)
        s3.stop()
        asyncio.run(_load(s3.folder, count))
        s3.start()
        row = Row("s3-pages", "aerodrome", "A", "fsync")
        _list_plainly(s3, count, row, "keys", "list_objects_v2")
        _list_plainly(s3, count, row, "versions", "list_object_versions")
        folders = count // _PER_FOLDER
        _list_plainly(s3, folders, row, "folders", "list_objects_v2", Prefix="logs/", Delimiter="/")
        _list_all(s3, count, row, "list_objects_v2")
        _compare_pages(s3, count, row)
        yield row


def large(setup: Setup) -> Iterator[Row]:
    """5 GiB as one PUT and in parts, and both read again, with the most memory the store ever had."""
    size = setup.choose(5 << 10, 64) * _MIB
    source = setup.scratch / "zeros"
    source.touch()
    os.truncate(source, size)  # all hole: it takes no room and no time to read
    with running_own_s3(setup.scratch / "s3-large") as s3:
        s3.client().create_bucket(Bucket=BUCKET)
        for name, upload in (("put", _put), ("parts", _upload_parts)):
            row = Row(f"s3-5gib-{name}", "aerodrome", "A", "fsync")
            with _watching_memory(s3.pid, row):
                with _timed(s3, row, "upload_mb", size / 1e6):
                    upload(s3, source)
                with _timed(s3, row, "download_mb", size / 1e6):
                    _read(s3, size, row)
            s3.client(read_timeout=600).delete_object(Bucket=BUCKET, Key="large")
            yield row


async def _load(folder: Path, count: int) -> None:
    """The keys, over the store's own interface: loading is not what is measured."""
    store: Store = await open_store(folder, time.time)
    try:
        for start in range(0, count, _AT_ONCE):
            numbers = range(start, min(start + _AT_ONCE, count))
            await asyncio.gather(*(store.put_object(ObjectRef(BUCKET, _key(n)), b"x") for n in numbers))
    finally:
        await store.close()


def _key(number: int) -> str:
    return f"logs/dag_id=daily-{number // _PER_FOLDER:05}/run-{number:07}.log"


def _list_all(s3: OwnS3, expected: int, row: Row, call: str) -> None:
    """With boto3."""
    paginator, listed = s3.client().get_paginator(call), 0
    with _timed(s3, row, f"boto3_{call}", expected):
        for page in paginator.paginate(Bucket=BUCKET, Prefix="logs/"):
            listed += len(page.get("Contents", ())) + len(page.get("Versions", ()))
    if listed != expected:
        row.void.append(f"{call}: {listed} listed, {expected} are there")


def _list_plainly(s3: OwnS3, expected: int, row: Row, name: str, call: str, **asked: str) -> None:
    """As fast as a client can ask that reads nothing but where the next page begins."""
    client, marks, listed = s3.client(), {**asked}, 0
    with closing(http.client.HTTPConnection("127.0.0.1", s3.port)) as wire, _timed(s3, row, name, expected):
        while True:
            text = _ask(client, wire, call, marks)
            listed += len(re.findall("<Contents>|<Version>|<CommonPrefixes>", text))
            after = _NEXT.findall(text)
            if "<IsTruncated>true" not in text:
                break
            marks |= {_MARKS[mark]: urllib.parse.unquote(value) for mark, value in after}
    if listed != expected:
        row.void.append(f"{name}: {listed} listed, {expected} are there")


def _compare_pages(s3: OwnS3, count: int, row: Row) -> None:
    """The best of twenty, of the first page and of the last full one."""
    client = s3.client()
    with closing(http.client.HTTPConnection("127.0.0.1", s3.port)) as wire:
        for name, after in (("first", "a"), ("deep", _key(count - 1001))):
            took = []
            for _ in range(20):
                began = time.perf_counter()
                text = _ask(client, wire, "list_objects_v2", {"StartAfter": after})
                took.append(time.perf_counter() - began)
                if text.count("<Contents>") != 1000:
                    row.void.append(f"the {name} page is not full")
            row.figures[f"{name}_page_ms"] = min(took) * 1000


def _ask(client: Any, wire: http.client.HTTPConnection, call: str, asked: Mapping[str, str]) -> str:
    url = urllib.parse.urlsplit(client.generate_presigned_url(call, {"Bucket": BUCKET, **asked}))
    wire.request("GET", f"{url.path}?{url.query}")
    answer = wire.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, text
    return text


def _put(s3: OwnS3, source: Path) -> None:
    with source.open("rb") as body:
        s3.client(read_timeout=600).put_object(Bucket=BUCKET, Key="large", Body=body)


def _upload_parts(s3: OwnS3, source: Path) -> None:
    """As boto3 does by itself: 8 MiB a part, ten at once."""
    s3.client(read_timeout=600, max_pool_connections=10).upload_file(str(source), BUCKET, "large")


def _read(s3: OwnS3, size: int, row: Row) -> None:
    body, got = s3.client(read_timeout=600).get_object(Bucket=BUCKET, Key="large")["Body"], 0
    for piece in body.iter_chunks(_MIB):
        got += len(piece)
    if got != size:
        row.void.append(f"{got} bytes came back of {size}")


@contextmanager
def _timed(s3: OwnS3, row: Row, name: str, amount: float) -> Iterator[None]:
    began, cpu = time.perf_counter(), machine.cpu_of(s3.pid)
    yield
    row.figures[f"{name}_per_s"] = amount / (time.perf_counter() - began)
    row.figures[f"{name.removesuffix('_mb')}_server_cpu_s"] = machine.cpu_of(s3.pid) - cpu


@contextmanager
def _watching_memory(pid: int, row: Row) -> Iterator[None]:
    """The most RSS and PSS that a process has while the block runs."""
    stop = threading.Event()
    peak = {"Rss:": 0, "Pss:": 0}

    def sample() -> None:
        while not stop.wait(0.1):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
                name, value, *_ = line.split()
                if name in peak:
                    peak[name] = max(peak[name], int(value))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        row.figures |= {"peak_rss_mib": peak["Rss:"] / 1024, "peak_pss_mib": peak["Pss:"] / 1024}
