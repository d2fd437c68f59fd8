"""What the edge relies on, one promise a test."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import zlib
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from infra.object_store.errors import StoreError
from infra.object_store.model import (
    ByteRange,
    Change,
    Checksum,
    ClaimedPart,
    Conditions,
    Expected,
    Facts,
    ObjectRef,
    PublicAccessBlock,
)
from infra.object_store.store import blobs, outlet, uploads
from infra.object_store.store.engine import Store, open_store
from infra.object_store.store.fsck import check_folder
from infra.object_store.store.locking import StoreTaken

B = "bucket"
LARGE = os.urandom(300_000)


def drive(folder: Path, work: Callable[[Store], Awaitable[Any]], bucket: str | None = B) -> Any:
    """Run `work` on an open store, which must be sound afterwards."""

    async def run() -> Any:
        store = await open_store(folder, lambda: 1_700_000_000.5)
        try:
            if bucket is not None:
                await store.create_bucket(bucket)
            return await work(store)
        finally:
            await store.close()

    answer = asyncio.run(run())
    assert check_folder(folder).clean
    return answer


async def refused(work: Awaitable[Any]) -> StoreError:
    with pytest.raises(StoreError) as caught:
        await work
    return caught.value


async def read(store: Store, key: str, version: str | None = None) -> bytes:
    with store.open_object(ObjectRef(B, key, version)) as content:
        return b"".join([chunk async for chunk in content.chunks()])


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "blobs").rglob("*") if path.is_file()]


def test_exactly_one_wins_when_eight_race_to_create_a_key(tmp_path: Path) -> None:
    async def race(store: Store) -> None:
        for turn in range(20):
            ref = ObjectRef(B, f"race/{turn}")
            bodies = [b"%d" % n * (1 if turn % 2 else 70_000) for n in range(8)]
            answers = await asyncio.gather(
                *(
                    store.put_object(ref, body, conditions=Conditions(if_none_match=("*",)))
                    for body in bodies
                ),
                return_exceptions=True,
            )
            won = [n for n, answer in enumerate(answers) if not isinstance(answer, Exception)]
            codes = {answer.code for answer in answers if isinstance(answer, StoreError)}
            assert len(won) == 1 and codes == {"PreconditionFailed"}
            assert await read(store, ref.key) == bodies[won[0]]
        await store.collect()
        assert len(files(tmp_path)) == 10

    drive(tmp_path, race)


def test_exactly_one_wins_when_eight_replace_the_version_they_saw(tmp_path: Path) -> None:
    async def race(store: Store) -> None:
        ref = ObjectRef(B, "k")
        seen = await store.put_object(ref, b"0")
        for turn in range(10):
            conditions = Conditions(if_match=(seen.etag,))
            puts = [store.put_object(ref, b"%d %d" % (turn, n), conditions=conditions) for n in range(8)]
            won = [
                a
                for a in await asyncio.gather(*puts, return_exceptions=True)
                if not isinstance(a, StoreError)
            ]
            assert len(won) == 1
            seen = won[0]

    drive(tmp_path, race)


def test_a_conditional_delete_removes_only_what_it_names(tmp_path: Path) -> None:
    async def delete(store: Store) -> None:
        ref, any_tag = ObjectRef(B, "k"), Conditions(if_match=("*",))
        assert (await refused(store.delete_object(ref, any_tag))).code == "NoSuchKey"
        written = await store.put_object(ref, b"1")
        wrong = Conditions(if_match=("0" * 32,))
        assert (await refused(store.delete_object(ref, wrong))).code == "PreconditionFailed"
        right = Conditions(if_match=(written.etag,))
        answers = await store.delete_objects(B, [(ref, wrong), (ref, right), (ref, Conditions())])
        assert [getattr(answer, "code", "") for answer in answers] == ["PreconditionFailed", "", ""]
        assert store.list_objects(B).entries == ()

    drive(tmp_path, delete)


def test_a_body_that_is_not_what_its_sender_said_leaves_nothing(tmp_path: Path) -> None:
    async def send(store: Store) -> None:
        wrong = Checksum("CRC32", b64encode((zlib.crc32(LARGE) ^ 1).to_bytes(4, "big")).decode())
        for data in (b"few", LARGE):
            for expected in (Expected(md5=b"0" * 16), Expected(checksum=wrong)):
                error = await refused(store.put_object(ObjectRef(B, "k"), data, expected=expected))
                assert error.code == "BadDigest"
        right = Checksum("SHA256", b64encode(hashlib.sha256(LARGE).digest()).decode())
        written = await store.put_object(ObjectRef(B, "k"), LARGE, expected=Expected(checksum=right))
        assert written.checksum == right and store.head_object(ObjectRef(B, "k")).checksum == right

    drive(tmp_path, send)
    assert len(files(tmp_path)) == 1 and not list((tmp_path / "staging").iterdir())


def test_a_discarded_or_abandoned_body_leaves_no_file(tmp_path: Path) -> None:
    async def abandon(store: Store) -> None:
        body = store.receive()
        for _ in range(8):
            await body.write(LARGE)
        assert len(list((tmp_path / "staging").iterdir())) == 1
        await body.discard()
        assert not list((tmp_path / "staging").iterdir())
        left = store.receive()
        await left.write(LARGE)
        await left.finish()

    drive(tmp_path, abandon)
    assert len(list((tmp_path / "staging").iterdir())) == 1
    drive(tmp_path, abandon, bucket=None)
    assert len(list((tmp_path / "staging").iterdir())) == 1, "opening forgets what was being received"


def test_bytes_are_on_the_disk_before_the_index_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, sync_folder, move = os.fsync, blobs.sync_folder, Path.rename
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append("fsync"), sync(fd))[1])
    monkeypatch.setattr(blobs, "sync_folder", lambda f: (order.append("folder"), sync_folder(f))[1])
    monkeypatch.setattr(Path, "rename", lambda self, to: (order.append("rename"), move(self, to))[1])

    async def put(store: Store) -> None:
        (level,) = store.writer._connection.execute("PRAGMA synchronous").fetchone()
        assert level == 2
        store.writer._connection.set_trace_callback(lambda said: order.append(said.split()[0]))
        order.clear()
        await store.put_object(ObjectRef(B, "k"), LARGE)
        store.writer._connection.set_trace_callback(None)

    drive(tmp_path, put)
    seen = order[: order.index("COMMIT") + 1]
    rename = seen.index("rename")
    assert "fsync" in seen[:rename] and seen[rename + 1 : rename + 4] == ["folder", "fsync", "BEGIN"]


def test_a_second_process_is_refused_while_one_has_the_store_open(tmp_path: Path) -> None:
    async def open_twice(store: Store) -> None:
        with pytest.raises(StoreTaken, match="another process"):
            await open_store(tmp_path, lambda: 0.0)
        with pytest.raises(StoreTaken):
            check_folder(tmp_path)

    drive(tmp_path, open_twice)


def test_an_open_content_keeps_its_bytes_when_the_object_is_replaced_and_swept(tmp_path: Path) -> None:
    async def read_on(store: Store) -> None:
        await store.put_object(ObjectRef(B, "k"), LARGE)
        with store.open_object(ObjectRef(B, "k")) as content:
            await store.put_object(ObjectRef(B, "k"), b"new")
            await store.collect()
            assert b"".join([chunk async for chunk in content.chunks(1000)]) == LARGE
        assert await store.collect() == 1 and not files(tmp_path)

    drive(tmp_path, read_on)


def test_a_copy_shares_bytes_and_outlives_its_source(tmp_path: Path) -> None:
    async def copy(store: Store) -> None:
        facts = Facts({"content-type": "a/b"}, {"m": "1"}, {"t": "2"})
        await store.put_object(ObjectRef(B, "from"), LARGE, facts)
        await store.copy_object(ObjectRef(B, "from"), ObjectRef(B, "to"), tags={"t": "3"})
        assert len(files(tmp_path)) == 1
        await store.delete_object(ObjectRef(B, "from"))
        await store.collect()
        assert await read(store, "to") == LARGE
        kept = store.head_object(ObjectRef(B, "to")).facts
        assert (kept.headers, kept.metadata, kept.tags) == ({"content-type": "a/b"}, {"m": "1"}, {"t": "3"})
        wrong = Conditions(if_match=("0" * 32,))
        source, target = ObjectRef(B, "to"), ObjectRef(B, "third")
        error = await refused(store.copy_object(source, target, source_conditions=wrong))
        assert error.code == "PreconditionFailed"

    drive(tmp_path, copy)


def test_parts_give_ranges_checksums_and_part_reads_as_s3_does(tmp_path: Path) -> None:
    pytest.importorskip("awscrt", reason="CRCs are combined by awscrt")
    size = uploads.LEAST_PART
    pieces = [os.urandom(size), os.urandom(size + 1), b"the end"]
    whole = b"".join(pieces)

    async def upload(store: Store) -> None:
        ref = ObjectRef(B, "parts")
        begun = await store.create_upload(ref, algorithm="CRC32", checksum_type="FULL_OBJECT")
        claimed = []
        for number, piece in zip((2, 5, 7), pieces, strict=True):
            part = await store.put_part(ref, begun.id, number, piece)
            assert part.checksum is not None
            claimed.append(ClaimedPart(number, part.etag, part.checksum))
        wrong = Checksum("CRC32", "AAAAAA==")
        assert (
            await refused(store.complete_upload(ref, begun.id, claimed, checksum=wrong))
        ).code == "BadDigest"
        assert (await refused(store.complete_upload(ref, begun.id, claimed, size=1))).code == "InvalidRequest"
        written = await store.complete_upload(ref, begun.id, claimed, size=len(whole))
        assert written.checksum == Checksum("CRC32", b64encode(zlib.crc32(whole).to_bytes(4, "big")).decode())
        for first, last in (
            (0, 0),
            (size - 1, size),
            (size - 2, 2 * size + 3),
            (len(whole) - 1, None),
            (None, 9),
        ):
            with store.open_object(ref, byte_range=ByteRange(first, last)) as content:
                end = len(whole) if first is None or last is None else last + 1
                start = len(whole) - 9 if first is None else first
                assert b"".join([chunk async for chunk in content.chunks()]) == whole[start:end]
                assert (content.start, content.total) == (start, len(whole))
        with store.open_object(ref, part=2) as content:
            assert (content.start, content.length, content.head.parts) == (size, size + 1, 3)
            own = b64encode(zlib.crc32(pieces[1]).to_bytes(4, "big")).decode()
            assert content.head.checksum == Checksum("CRC32", own)
        with pytest.raises(StoreError, match="partnumber"):
            store.open_object(ref, part=4)
        copied = await store.copy_object(ref, ObjectRef(B, "one piece"))
        assert copied.etag == hashlib.md5(whole).hexdigest() and copied.checksum == written.checksum

    drive(tmp_path, upload)


def test_an_upload_is_refused_as_s3_refuses_it(tmp_path: Path) -> None:
    async def refuse(store: Store) -> None:
        ref = ObjectRef(B, "k")
        begun = await store.create_upload(ref)
        one = await store.put_part(ref, begun.id, 1, b"small")
        two = await store.put_part(ref, begun.id, 2, b"last")
        first, second = ClaimedPart(1, one.etag), ClaimedPart(2, two.etag)
        for claimed, code in (
            ([], "MalformedXML"),
            ([second, first], "InvalidPartOrder"),
            ([first, first], "InvalidPartOrder"),
            ([ClaimedPart(1, "0" * 32)], "InvalidPart"),
            ([ClaimedPart(3, one.etag)], "InvalidPart"),
            ([first, second], "EntityTooSmall"),
        ):
            assert (await refused(store.complete_upload(ref, begun.id, claimed))).code == code
        assert (await refused(store.put_part(ref, begun.id, 10_001, b""))).code == "InvalidArgument"
        other = ObjectRef(B, "other")
        assert (await refused(store.put_part(other, begun.id, 1, b""))).code == "NoSuchUpload"
        await store.abort_upload(ref, begun.id)
        assert (await refused(store.abort_upload(ref, begun.id))).code == "NoSuchUpload"

    drive(tmp_path, refuse)


def test_a_bucket_goes_with_its_unfinished_uploads_but_never_with_a_version(tmp_path: Path) -> None:
    async def delete(store: Store) -> None:
        ref = ObjectRef(B, "k")
        await store.set_versioning(B, "Enabled")
        written = await store.put_object(ref, LARGE)
        begun = await store.create_upload(ref)
        for number in (1, 2):  # both share the bytes of the object
            await store.copy_part(ref, begun.id, number, ref)
        marker = await store.delete_object(ref)
        for version in (written.version_id, marker.version_id):
            assert (await refused(store.delete_bucket(B))).code == "BucketNotEmpty"
            await store.delete_object(ObjectRef(B, "k", version))
        await store.collect()
        assert len(files(tmp_path)) == 1
        await store.delete_bucket(B)
        await store.collect()
        assert files(tmp_path) == [] and store.list_buckets() == ()

    drive(tmp_path, delete)


def test_settings_of_a_bucket_survive_opening_again(tmp_path: Path) -> None:
    block = PublicAccessBlock(True, True, True, True)

    async def set_all(store: Store) -> None:
        await store.set_public_access_block(B, block)
        await store.set_bucket_tags(B, {"a": "b"})
        await store.set_bucket_policy(B, "{}")
        await store.set_versioning(B, "Enabled")
        assert (await refused(store.create_bucket(B))).code == "BucketAlreadyOwnedByYou"
        assert (await refused(store.create_bucket(B, owner="else"))).code == "BucketAlreadyExists"
        for name in ("ab", "Upper", "a..b", "1.2.3.4", "-a-", "a" * 64, "../x"):
            assert (await refused(store.create_bucket(name))).code == "InvalidBucketName"

    async def look(store: Store) -> None:
        found = store.get_bucket(B)
        assert (found.public_access_block, found.tags, found.policy) == (block, {"a": "b"}, "{}")
        assert found.versioning == "Enabled" and store.list_buckets() == (found,)
        await store.set_public_access_block(B, None)
        assert store.get_bucket(B).public_access_block is None

    drive(tmp_path, set_all)
    drive(tmp_path, look, bucket=None)


def test_hostile_keys_are_only_values(tmp_path: Path) -> None:
    keys = [
        "../../x",
        "/etc/passwd",
        "a\x00b",
        "\r\n",
        "é" * 512,
        "..",
        "a//b",
        "'; DROP TABLE versions; --",
        "\x7f",
    ]

    async def put(store: Store) -> None:
        for key in keys:
            await store.put_object(ObjectRef(B, key), LARGE)
            assert await read(store, key) == LARGE
        assert [entry.key for entry in store.list_objects(B).entries] == sorted(keys, key=str.encode)
        for key, code in (
            ("k" * 1025, "KeyTooLongError"),
            ("é" * 513, "KeyTooLongError"),
            ("\ud800", "InvalidArgument"),
        ):
            assert (await refused(store.put_object(ObjectRef(B, key), b""))).code == code

    home = tmp_path / "home" / "store"
    drive(home, put)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert [path.name for path in home.parent.iterdir()] == ["store"]
    assert all(len(path.name) == 32 for path in files(home))


def test_listeners_hear_of_a_write_once_it_can_be_read(tmp_path: Path) -> None:
    async def listen(store: Store) -> None:
        heard: list[Change] = []
        stop = store.listen(
            lambda changes: heard.extend(
                c for c in changes if c.event == "delete" or store.head_object(ObjectRef(B, c.key))
            )
        )
        await store.put_object(ObjectRef(B, "k"), b"1")
        await refused(store.put_object(ObjectRef(B, "k"), b"2", conditions=Conditions(if_none_match=("*",))))
        await store.delete_object(ObjectRef(B, "k"))
        stop()
        await store.put_object(ObjectRef(B, "k"), b"3")
        assert heard == [Change(B, "k", "put"), Change(B, "k", "delete")]

    drive(tmp_path, listen)


def test_a_listener_that_fails_is_reported_and_harms_no_write(tmp_path: Path) -> None:
    async def listen(store: Store) -> None:
        reported: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: reported.append(context["exception"])
        )

        def fail(changes: Any) -> None:
            raise ValueError("of the listener")

        store.listen(fail)
        for turn in range(2):
            async with asyncio.timeout(10):
                await store.put_object(ObjectRef(B, "k"), b"%d" % turn)
        assert [str(error) for error in reported] == ["of the listener"] * 2

    drive(tmp_path, listen)


def test_a_write_whose_caller_gave_up_is_whole_or_not_there(tmp_path: Path) -> None:
    async def give_up(store: Store) -> None:
        for turn in range(30):
            task = asyncio.ensure_future(store.put_object(ObjectRef(B, f"{turn}"), LARGE))
            for _ in range(turn):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await store.put_object(ObjectRef(B, "last"), b"")
        for entry in store.list_objects(B).entries:
            assert entry.key == "last" or await read(store, entry.key) == LARGE
        await store.collect()

    drive(tmp_path, give_up)


def test_reads_see_one_version_whole_while_it_is_replaced(tmp_path: Path) -> None:
    async def race(store: Store) -> None:
        bodies = [bytes([n]) * size for n in range(8) for size in (10, 100_000)]
        await store.put_object(ObjectRef(B, "k"), bodies[0])

        async def replace_often() -> None:
            for body in bodies * 4:
                await store.put_object(ObjectRef(B, "k"), body)

        writing = asyncio.ensure_future(replace_often())
        while not writing.done():
            assert await read(store, "k") in bodies
            await asyncio.sleep(0)
        await writing

    drive(tmp_path, race)


def test_a_commit_between_two_look_ups_of_a_read_is_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = outlet.find_pieces

    def commit_first(*arguments: Any) -> Any:
        with closing(sqlite3.connect(tmp_path / "index.db", isolation_level=None)) as other:
            other.execute("UPDATE contents SET data = CAST('b' AS BLOB)")
        return look_up(*arguments)

    async def open_both(store: Store) -> None:
        await store.put_object(ObjectRef(B, "k"), b"a")
        monkeypatch.setattr(outlet, "find_pieces", commit_first)
        with store.open_object(ObjectRef(B, "k")) as content:
            assert content.data == b"a"
        with store.open_object(ObjectRef(B, "k")) as content:
            assert content.data == b"b"
        monkeypatch.undo()
        await store.put_object(ObjectRef(B, "k"), b"a")

    drive(tmp_path, open_both)


def test_the_index_refuses_impossible_rows(tmp_path: Path) -> None:
    drive(tmp_path, lambda store: store.put_object(ObjectRef(B, "k"), b"x"))
    with sqlite3.connect(tmp_path / "index.db") as connection:
        for statement in (
            "UPDATE versions SET content = NULL",
            "UPDATE contents SET data = NULL",
            "UPDATE contents SET refs = 0",
            "UPDATE buckets SET versioning = 'On'",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
    connection.close()
