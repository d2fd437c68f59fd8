"""Files appear whole or not at all, and damage on the way is noticed."""

from __future__ import annotations

import errno
import os
import random
import stat
from pathlib import Path

import pytest

from sync import materialise
from sync.manifest import Entry, content_digest, manifest_of
from sync.materialise import FetchError, build, clean_leftovers, collect, fetch, has_blob, put_blob
from sync.objects import ObjectStoreError
from tests.fakes.object_store import FakeObjectStore


@pytest.fixture
def dirs(tmp_path: Path) -> tuple[Path, Path]:
    store, bundles = tmp_path / "store", tmp_path / "bundles"
    store.mkdir()
    bundles.mkdir()
    return store, bundles


def bucket_of(**objects: bytes) -> FakeObjectStore:
    bucket = FakeObjectStore()
    bucket.objects.update(objects)
    return bucket


def entries(bucket: FakeObjectStore) -> list[Entry]:
    return list(manifest_of(bucket.list()).entries.values())


def test_a_snapshot_has_exactly_the_files_read_only_and_shared(dirs: tuple[Path, Path]) -> None:
    files = {
        "a.py": put_blob(dirs[0], b"same"),
        "d/e/b.py": put_blob(dirs[0], b"same"),
        "e.py": put_blob(dirs[0], b""),
    }
    digest, path = build(*dirs, files)
    assert (digest, path) == (content_digest(files), dirs[1] / digest)
    found = {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}
    assert found == {"a.py": b"same", "d/e/b.py": b"same", "e.py": b""}
    assert (path / "a.py").stat().st_ino == (path / "d/e/b.py").stat().st_ino
    assert stat.S_IMODE((path / "a.py").stat().st_mode) == 0o440
    assert build(*dirs, files) == (digest, path)
    assert [p.name for p in dirs[1].iterdir()] == [digest]


def test_a_file_system_that_refuses_another_link_gets_a_copy(
    dirs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.EMLINK, "Too many links")

    monkeypatch.setattr("sync.materialise.os.link", refuse)
    _, path = build(*dirs, {"a.py": put_blob(dirs[0], b"x")})
    assert (path / "a.py").read_bytes() == b"x"
    assert stat.S_IMODE((path / "a.py").stat().st_mode) == 0o440


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_truncated_or_damaged_body_is_never_stored(dirs: tuple[Path, Path], damage: str) -> None:
    dice = random.Random(7)

    def spoil(key: str, data: bytes) -> bytes:
        if key != "a":
            return data
        if damage == "cut":
            return data[: dice.randrange(len(data))]
        return bytes([data[0] ^ dice.randrange(1, 256)]) + data[1:]

    bucket = bucket_of(a=b"0123456789" * 20, b=b"fine")
    bucket.spoil = spoil
    with pytest.raises(FetchError, match=r"cannot (read|trust) a") as error:
        fetch(bucket, dirs[0], entries(bucket))
    assert error.value.code == "unreachable"
    assert [entry.key for entry in error.value.done] == ["b"]
    assert len(list(dirs[0].glob("??/*"))) == 1


def test_an_etag_that_is_no_md5_is_taken_when_the_bytes_repeat(dirs: tuple[Path, Path]) -> None:
    class EncryptedStore(FakeObjectStore):
        def get(self, key: str, if_match: str | None = None, version: str | None = None) -> bytes:
            return super().get(key)

    bucket = EncryptedStore()
    bucket.objects["a"] = b"text"
    entry = Entry("0" * 32, 4, "a")
    assert has_blob(dirs[0], fetch(bucket, dirs[0], [entry])[entry], 4)
    assert bucket.calls["get"] == 2


def test_an_object_replaced_or_removed_since_its_listing_is_changed(dirs: tuple[Path, Path]) -> None:
    for change in ({"a": b"new"}, {}):
        bucket = bucket_of(a=b"old")
        listed = entries(bucket)
        bucket.objects = dict(change)
        with pytest.raises(FetchError) as error:
            fetch(bucket, dirs[0], listed)
        assert error.value.code == "changed"


def test_large_objects_are_not_held_in_memory_together(
    dirs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(materialise, "_BYTES_IN_FLIGHT", 100)
    bucket = bucket_of(**{f"k{n}": bytes([n]) * 60 for n in range(5)}, small=b"s")
    batches = list(materialise._batches(entries(bucket)))
    assert [sum(entry.size for entry in batch) for batch in batches] == [61, 60, 60, 60, 60]
    assert len(fetch(bucket, dirs[0], entries(bucket))) == 6


def test_a_failed_build_leaves_nothing_behind(dirs: tuple[Path, Path]) -> None:
    with pytest.raises(FileNotFoundError):
        build(*dirs, {"a": put_blob(dirs[0], b"x"), "b": "0" * 64})
    assert list(dirs[1].iterdir()) == []


def test_leftovers_of_a_kill_are_removed_and_nothing_else(dirs: tuple[Path, Path]) -> None:
    _, path = build(*dirs, {"a": put_blob(dirs[0], b"x")})
    (dirs[1] / ".new-abc/sub").mkdir(parents=True)
    (next(dirs[0].glob("??")) / ".new-abc").write_bytes(b"half")
    clean_leftovers(*dirs)
    assert list(dirs[1].iterdir()) == [path]
    assert len(list(dirs[0].glob("*/*"))) == 1


def test_collecting_spares_what_is_kept_or_young(dirs: tuple[Path, Path]) -> None:
    kept, kept_path = build(*dirs, {"a": put_blob(dirs[0], b"kept"), "s": put_blob(dirs[0], b"shared")})
    old, old_path = build(*dirs, {"a": put_blob(dirs[0], b"old"), "s": put_blob(dirs[0], b"shared")})
    young, young_path = build(*dirs, {"a": put_blob(dirs[0], b"young")})
    for path in (kept_path, old_path, *dirs[0].glob("??/*")):
        os.utime(path, (1000, 1000))
    os.utime(young_path, (5000, 5000))
    assert collect(*dirs, {kept}, older_than=4000) == [old]
    assert sorted(p.name for p in dirs[1].iterdir()) == sorted([kept, young])
    assert {p.read_bytes() for p in dirs[0].glob("??/*")} == {b"kept", b"shared", b"young"}


def test_a_refused_object_store_error_keeps_its_code(dirs: tuple[Path, Path]) -> None:
    bucket = bucket_of(a=b"x")
    listed = entries(bucket)

    def deny(operation: str, key: str) -> None:
        raise ObjectStoreError("denied", f"cannot read {key}: denied")

    bucket.fault = deny
    with pytest.raises(FetchError) as error:
        fetch(bucket, dirs[0], listed)
    assert (error.value.code, error.value.message) == ("denied", "cannot read a: denied")
