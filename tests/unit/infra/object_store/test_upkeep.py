"""What happens to objects that nobody touches: expiry, collection, checks, moves of whole folders."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from infra.object_store.errors import StoreError
from infra.object_store.folders import CannotMove, export_folder, find_path, import_folder
from infra.object_store.lifecycle import Standing, decide, is_upload_over
from infra.object_store.model import NO_CONDITIONS, Facts, LifecycleRule, ObjectHead, ObjectRef, Upload
from infra.object_store.store.engine import Store, open_store
from infra.object_store.store.fsck import check_folder

B = "bucket"
DAY = 86_400
NOON = 1_700_000_000 // DAY * DAY + DAY / 2
LARGE = os.urandom(100_000)


def drive(
    folder: Path, work: Callable[[Store], Awaitable[Any]], now: float = NOON, create: bool = True
) -> Any:
    async def run() -> Any:
        store = await open_store(folder, lambda: now)
        try:
            if create:
                await store.create_bucket(B)
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def head(key: str = "logs/a", size: int = 10, marker: bool = False, **tags: str) -> ObjectHead:
    return ObjectHead(key, "v", True, marker, "e", size, NOON, Facts(tags=tags))


def rule(**said: Any) -> LifecycleRule:
    return LifecycleRule(prefix="logs/", **said)


@pytest.mark.parametrize(
    ("rules", "standing", "now", "verdict"),
    [
        ([rule(expire_days=1)], Standing(head()), NOON + DAY, None),  # rounded up to midnight
        ([rule(expire_days=1)], Standing(head()), NOON + 1.5 * DAY, "expire"),
        ([rule(expire_days=1, enabled=False)], Standing(head()), NOON + 9 * DAY, None),
        ([rule(expire_days=1)], Standing(head("other")), NOON + 9 * DAY, None),
        ([rule(expire_date=NOON)], Standing(head()), NOON, "expire"),
        ([rule(expire_date=NOON)], Standing(head()), NOON - 1, None),
        ([rule(expire_days=1, tags={"a": "b"})], Standing(head()), NOON + 9 * DAY, None),
        ([rule(expire_days=1, tags={"a": "b"})], Standing(head(a="b", c="d")), NOON + 9 * DAY, "expire"),
        ([rule(expire_days=1, larger_than=10)], Standing(head()), NOON + 9 * DAY, None),
        ([rule(expire_days=1, smaller_than=11)], Standing(head()), NOON + 9 * DAY, "expire"),
        ([rule(noncurrent_days=1)], Standing(head()), NOON + 9 * DAY, None),
        ([rule(noncurrent_days=1)], Standing(head(), 0, NOON + DAY), NOON + 2 * DAY, None),
        ([rule(noncurrent_days=1)], Standing(head(), 0, NOON + DAY), NOON + 2.5 * DAY, "remove"),
        ([rule(noncurrent_days=1, noncurrent_kept=2)], Standing(head(), 1, NOON), NOON + 9 * DAY, None),
        ([rule(noncurrent_days=1, noncurrent_kept=2)], Standing(head(), 2, NOON), NOON + 9 * DAY, "remove"),
        ([rule(expire_lone_markers=True)], Standing(head(marker=True), alone=True), NOON, "remove"),
        ([rule(expire_lone_markers=True)], Standing(head(marker=True)), NOON, None),
        ([rule(expire_days=1)], Standing(head(marker=True), alone=True), NOON + 9 * DAY, "remove"),
        ([rule(expire_days=1)], Standing(head(marker=True)), NOON + 9 * DAY, None),
        ([rule(expire_days=9), rule(expire_days=1)], Standing(head()), NOON + 2 * DAY, "expire"),
    ],
)
def test_a_rule_decides_by_filter_age_and_place(
    rules: list[LifecycleRule], standing: Standing, now: float, verdict: str | None
) -> None:
    assert decide(rules, standing, now) == verdict


def test_an_upload_is_over_after_the_days_of_a_rule_for_its_prefix() -> None:
    upload = Upload("u", B, "logs/a", NOON)
    assert not is_upload_over([rule(abort_upload_days=2)], upload, NOON + 2 * DAY)
    assert is_upload_over([rule(abort_upload_days=2)], upload, NOON + 2.5 * DAY)
    assert not is_upload_over([LifecycleRule(prefix="x", abort_upload_days=2)], upload, NOON + 9 * DAY)


def test_expiry_leaves_what_no_rule_names_and_frees_the_files(tmp_path: Path) -> None:
    async def fill(store: Store) -> None:
        await store.set_versioning(B, "Enabled")
        for turn in range(3):
            for number in range(400):
                body = LARGE if number == 0 else b"%d" % turn
                await store.put_object(ObjectRef(B, f"logs/{number:03}"), body)
        await store.put_object(ObjectRef(B, "dags/a.py"), b"kept")
        upload = await store.create_upload(ObjectRef(B, "logs/up"))
        await store.put_part(ObjectRef(B, "logs/up"), upload.id, 1, LARGE)
        rules = [
            rule(expire_days=1, abort_upload_days=1),
            LifecycleRule(noncurrent_days=1, expire_lone_markers=True),
        ]
        await store.set_lifecycle(B, rules)
        assert await store.expire(NOON + DAY / 4) == 0

    async def expire(store: Store) -> None:
        later = NOON + 2 * DAY
        assert await store.expire(later) == 400 * 3 + 1
        assert [entry.key for entry in store.list_objects(B).entries] == ["dags/a.py"]
        assert store.list_uploads(B).uploads == ()
        versions = store.list_versions(B, limit=10_000).entries
        assert sum(entry.delete_marker for entry in versions) == 400
        assert await store.expire(later + 3 * DAY) == 400, "the versions under the new markers"
        assert await store.expire(later + 3 * DAY) == 400, "the markers that are alone now"
        assert [entry.key for entry in store.list_versions(B).entries] == ["dags/a.py"]
        await store.collect()

    drive(tmp_path, fill)
    drive(tmp_path, expire, NOON + 2 * DAY, create=False)
    assert not [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert check_folder(tmp_path).problems == ()


def test_the_index_shrinks_when_its_objects_are_gone(tmp_path: Path) -> None:
    async def fill_and_empty(store: Store) -> None:
        refs = [ObjectRef(B, f"{number}") for number in range(150)]
        await asyncio.gather(*(store.put_object(ref, LARGE[:60_000]) for ref in refs))
        await store.delete_objects(B, [(ref, NO_CONDITIONS) for ref in refs])
        await store.collect()

    drive(tmp_path, fill_and_empty)
    assert (tmp_path / "index.db").stat().st_size < 6_000_000, "of 9 MB, 4 MB are kept for the next objects"


def test_a_check_finds_every_kind_of_damage_and_repairs_only_what_loses_nothing(tmp_path: Path) -> None:
    async def fill(store: Store) -> None:
        for key in ("missing", "short", "flipped", "sound"):
            await store.put_object(ObjectRef(B, key), LARGE + key.encode())
        await store.put_object(ObjectRef(B, "inline"), b"inline")

    drive(tmp_path, fill)
    connection = sqlite3.connect(tmp_path / "index.db", isolation_level=None)
    paths = {
        key: tmp_path / "blobs" / file[:2] / file
        for key, file in connection.execute(
            "SELECT key, file FROM versions JOIN contents ON contents.id = content WHERE file IS NOT NULL"
        )
    }
    paths["missing"].unlink()
    paths["short"].write_bytes(LARGE)
    paths["flipped"].write_bytes(b"?" * (len(LARGE) + len("flipped")))
    (tmp_path / "blobs" / "00").mkdir(exist_ok=True)
    (tmp_path / "blobs" / "00" / ("0" * 32)).write_bytes(b"stray")
    connection.execute("UPDATE contents SET refs = 7 WHERE file IS NULL")
    connection.execute("UPDATE contents SET data = X'00' WHERE file IS NULL")
    connection.execute("INSERT INTO parts VALUES (5, 1, 0, 6, '', 0, NULL, (SELECT min(id) FROM contents))")
    connection.close()

    found = check_folder(tmp_path)
    kinds = sorted(problem.kind for problem in found.problems)
    expected = [
        "hash",
        "missing",
        "references",
        "references",
        "size",
        "size",
        "stray blob",
        "stray parts",
        "version",
    ]
    assert kinds == expected and not found.clean
    repaired = check_folder(tmp_path, repair=True)
    assert {p.kind for p in repaired.problems if not p.repaired} == {"hash", "missing", "size"}
    assert {p.kind for p in check_folder(tmp_path).problems} == {"hash", "missing", "size"}

    async def read(store: Store) -> None:
        assert not (await store.check()).clean
        for key in ("missing", "short"):
            with pytest.raises(StoreError) as caught, store.open_object(ObjectRef(B, key)) as content:
                async for _ in content.chunks():
                    pass
            assert caught.value.code == "InternalError"
        assert store.head_object(ObjectRef(B, "sound")).etag == hashlib.md5(LARGE + b"sound").hexdigest()

    drive(tmp_path, read, create=False)


def test_a_folder_comes_back_from_a_bucket_as_it_went_in(tmp_path: Path) -> None:
    keys = {
        "dags/etl.py": b"import this",
        "n": b"a file",
        "n/x": b"beside a folder of its name",
        "../../escape": b"1",
        "/absolute": b"2",
        "a//b": b"3",
        "folder/": b"",
        "line\nbreak": b"4",
        "k" * 1021: b"5",
        ".aerodrome-objects/manifest.jsonl": b"6",
        "ä/€": LARGE,
    }
    facts = Facts({"content-type": "x/y"}, {"m": "1"}, {"t": "2"})

    async def export(store: Store) -> None:
        for key, data in keys.items():
            await store.put_object(ObjectRef(B, "in/" + key), data, facts)
        moved = await export_folder(store, B, tmp_path / "out" / "here", "in/")
        assert (moved.objects, moved.size) == (len(keys), sum(map(len, keys.values())))
        with pytest.raises(CannotMove, match="new or an empty folder"):
            await export_folder(store, B, tmp_path / "out" / "here", "in/")
        await store.create_bucket("second")
        assert (await import_folder(store, tmp_path / "out" / "here", "second")).objects == len(keys)
        for key, data in keys.items():
            with store.open_object(ObjectRef("second", key)) as content:
                assert b"".join([chunk async for chunk in content.chunks()]) == data
                assert content.head.facts == facts

    drive(tmp_path / "store", export)
    assert (tmp_path / "out" / "here" / "dags" / "etl.py").read_bytes() == b"import this"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "store"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["here"]


def test_an_import_follows_no_link_and_says_what_it_left_out(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "dags").mkdir(parents=True)
    (source / "dags" / "a.py").write_bytes(b"a")
    (tmp_path / "secret").write_bytes(b"secret")
    (source / "link").symlink_to(tmp_path / "secret")
    (source / "up").symlink_to(tmp_path)
    os.mkfifo(source / "pipe")
    (source / os.fsdecode(b"\xff")).write_bytes(b"")

    async def load(store: Store) -> None:
        moved = await import_folder(store, source, B, "p/")
        assert moved.objects == 1 and sorted(moved.skipped) == ["\\xff", "link", "pipe", "up"]
        assert [entry.key for entry in store.list_objects(B).entries] == ["p/dags/a.py"]
        assert store.head_object(ObjectRef(B, "p/dags/a.py")).facts.headers == {
            "content-type": "text/x-python"
        }

    drive(tmp_path / "store", load)


def test_a_key_is_a_path_only_when_every_part_is_an_ordinary_name() -> None:
    assert find_path("a/b.c") == "a/b.c"
    for key in (
        "../a",
        "a/../b",
        "/a",
        "a/",
        "a//b",
        "./a",
        "a\x00",
        "a\\b",
        "x" * 256,
        ".aerodrome-objects/x",
    ):
        assert find_path(key) is None


def test_a_large_bucket_lists_by_pages_and_passes_prefixes_over_by_seeking(tmp_path: Path) -> None:
    async def fill(store: Store) -> None:
        keys = [f"{top}/{number:05}" for top in ("a", "b", "c") for number in range(2000)] + ["root"]
        await asyncio.gather(*(store.put_object(ObjectRef(B, key), b"") for key in keys))
        found: list[str] = []
        after = ""
        while True:
            page = store.list_objects(B, after=after, limit=999)
            found += [entry.key for entry in page.entries]
            if not page.truncated:
                break
            after = page.next_after
        assert found == sorted(keys)
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        store._reading.set_progress_handler(count, 100)
        page = store.list_objects(B, delimiter="/")
        store._reading.set_progress_handler(None, 0)
        assert page.prefixes == ("a/", "b/", "c/") and [entry.key for entry in page.entries] == ["root"]
        assert steps < 10, "common prefixes must be passed over, not walked through"
        await store.set_versioning(B, "Enabled")
        await asyncio.gather(*(store.put_object(ObjectRef(B, "b/00000"), b"%d" % n) for n in range(3000)))
        steps = 0
        store._reading.set_progress_handler(count, 100)
        assert len(store.list_objects(B, prefix="b/", limit=10).entries) == 10
        store._reading.set_progress_handler(None, 0)
        assert steps < 20, "the old versions of a key must be passed over, not walked through"

    drive(tmp_path, fill)
