"""No room on the disk, at every call that can say so: refused with one code, nothing half there, and it heals."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.object_store.errors import StoreError
from infra.object_store.model import ClaimedPart, ObjectRef
from infra.object_store.store import blobs
from infra.object_store.store.engine import Store, open_store
from infra.object_store.store.fsck import check_folder

B = "bucket"
LARGE = b"0123456789abcdef" * 50_000


class Disk:
    """Says ENOSPC at the n-th call that needs room; 0 never."""

    def __init__(self) -> None:
        self.fails_at = self.calls = 0

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            if self.calls == self.fails_at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*arguments, **named)

        return wrapped


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(os, "write", disk.wrap(os.write))
    monkeypatch.setattr(os, "fsync", disk.wrap(os.fsync))
    monkeypatch.setattr(Path, "rename", disk.wrap(Path.rename))
    monkeypatch.setattr(blobs.Blobs, "stage", disk.wrap(blobs.Blobs.stage))
    return disk


async def put_large(store: Store) -> None:
    body = store.receive()
    try:
        for at in range(0, len(LARGE), 100_000):
            await body.write(LARGE[at : at + 100_000])
        await store.put_object(ObjectRef(B, "large"), body)
    finally:
        await body.discard()


async def upload(store: Store) -> None:
    ref = ObjectRef(B, "parts")
    begun = await store.create_upload(ref)
    try:
        part = await store.put_part(ref, begun.id, 1, LARGE)
        await store.complete_upload(ref, begun.id, [ClaimedPart(1, part.etag)])
    except StoreError:
        await store.abort_upload(ref, begun.id)
        raise


def check_sound(folder: Path) -> None:
    assert check_folder(folder).problems == ()
    assert not list((folder / "staging").iterdir())


@pytest.mark.parametrize("write", [put_large, upload], ids=lambda write: write.__name__)
def test_nothing_is_half_there_when_any_call_finds_the_disk_full(
    write: Callable[[Store], Any], disk: Disk, tmp_path: Path
) -> None:
    async def fail_each() -> int:
        store = await open_store(tmp_path, lambda: 1.0)
        await store.create_bucket(B)
        failures = 0
        while True:
            disk.calls, disk.fails_at = 0, failures + 1
            try:
                await write(store)
                break
            except StoreError as error:
                assert error.code == "InsufficientStorage"
                failures += 1
                assert store.list_objects(B).entries == () and store.list_uploads(B).uploads == ()
        disk.fails_at = 0
        assert [entry.size for entry in store.list_objects(B).entries] == [len(LARGE)]
        await store.collect()
        await store.close()
        return failures

    assert asyncio.run(fail_each()) >= 5
    check_sound(tmp_path)


def test_a_full_index_refuses_the_whole_batch_and_heals(tmp_path: Path) -> None:
    async def fill() -> None:
        store = await open_store(tmp_path, lambda: 1.0)
        await store.create_bucket(B)
        await store.put_object(ObjectRef(B, "before"), b"before")
        connection = store.writer._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        puts = [store.put_object(ObjectRef(B, f"{n}"), b"x" * 60_000) for n in range(8)]
        answers = await asyncio.gather(*puts, return_exceptions=True)
        assert {getattr(answer, "code", None) for answer in answers} == {"InsufficientStorage"}
        assert [entry.key for entry in store.list_objects(B).entries] == ["before"]
        with store.open_object(ObjectRef(B, "before")) as content:
            assert content.data == b"before"
        connection.execute("PRAGMA max_page_count = 1000000")
        for n in range(8):
            await store.put_object(ObjectRef(B, f"{n}"), b"x" * 30_000)
        await store.close()

    asyncio.run(fill())
    check_sound(tmp_path)


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small file system can be mounted by root only")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_really_full_disk_loses_nothing_lets_go_and_heals(tmp_path: Path) -> None:
    async def fill(folder: Path) -> None:
        store = await open_store(folder / "store", lambda: 1.0)
        await store.create_bucket(B)
        kept: dict[str, bytes] = {}
        for turn in range(2):
            kept |= await fill_up(store, turn)
            for key, data in kept.items():
                with store.open_object(ObjectRef(B, key)) as content:
                    assert b"".join([chunk async for chunk in content.chunks()]) == data
            assert {entry.key for entry in store.list_objects(B).entries} == set(kept)
            if turn == 0:  # a deletion must write before it frees: that is what the reserve is for
                for key in list(kept)[::2]:
                    await store.delete_object(ObjectRef(B, key))
                    del kept[key]
                await store.collect()
        subprocess.run(["mount", "-o", "remount,size=128m", str(folder)], check=True)
        await store.put_object(ObjectRef(B, "after"), LARGE)
        await store.close()

    async def fill_up(store: Store, turn: int) -> dict[str, bytes]:
        kept: dict[str, bytes] = {}
        refusals = 0
        for number in range(2000):
            key, data = f"{turn}/{number}", (b"%d " % number) * (10_000 if number % 3 else 150_000)
            try:
                await store.put_object(ObjectRef(B, key), data)
                kept[key] = data
            except StoreError as error:
                assert error.code == "InsufficientStorage"
                refusals += 1
                if refusals == 10:
                    break
        assert refusals and kept
        return kept

    with small_disk(tmp_path / "disk", "64m"):
        asyncio.run(fill(tmp_path / "disk"))
        check_sound(tmp_path / "disk" / "store")


class Failing:
    """A connection whose commits say what a disk says that lost its cache."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, *arguments: Any) -> Any:
        if statement == "COMMIT":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            raise error
        return self._connection.execute(statement, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def test_nothing_is_acknowledged_any_more_once_an_fsync_failed_until_the_store_is_opened_anew(
    tmp_path: Path,
) -> None:
    async def fail() -> None:
        store = await open_store(tmp_path, lambda: 1.0)
        await store.create_bucket(B)
        await store.put_object(ObjectRef(B, "before"), b"1")
        connection = store.writer._connection
        store.writer._connection = Failing(connection)
        for _ in range(2):
            with pytest.raises(StoreError) as caught:
                await store.put_object(ObjectRef(B, "lost"), LARGE)
            assert caught.value.code == "InternalError"
        assert len([path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]) == 2, (
            "kept: who knows"
        )
        assert [entry.key for entry in store.list_objects(B).entries] == ["before"]
        await store.close()

    async def look() -> None:
        store = await open_store(tmp_path, lambda: 1.0)
        await store.put_object(ObjectRef(B, "after"), b"2")
        assert [entry.key for entry in store.list_objects(B).entries] == ["after", "before"]
        assert await store.collect() == 2
        await store.close()

    asyncio.run(fail())
    asyncio.run(look())
    check_sound(tmp_path)
