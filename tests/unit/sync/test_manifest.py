"""Manifests as values: equality settles, digests speak of content alone."""

from __future__ import annotations

from sync.manifest import LARGEST_OBJECT, Entry, Manifest, content_digest, manifest_of, settled
from tests.fakes.object_store import FakeObjectStore


def test_nothing_seen_before_is_not_settled() -> None:
    assert not settled(None, Manifest({}))


def test_listings_settle_when_every_version_is_the_same() -> None:
    old = Manifest({"a": Entry("x", 1, "a")}, (("../b", "it leaves the folder"),))
    assert settled(old, Manifest({"a": Entry("x", 1, "a")}))
    assert not settled(old, Manifest({"a": Entry("y", 1, "a")}))
    assert not settled(old, Manifest({}))


def test_a_listing_becomes_files_with_their_versions_and_refusals() -> None:
    bucket = FakeObjectStore()
    bucket.objects = {"p/a.py": b"1", "p/": b"", "p/../b": b"", "q/c.py": b""}
    manifest = manifest_of(bucket.list("p/"), "p/")
    assert manifest.entries == {"a.py": Entry(bucket.head("p/a.py").etag, 1, "p/a.py")}
    assert [key for key, _ in manifest.refused] == ["p/../b"]


def test_an_object_too_large_for_memory_is_refused_by_name() -> None:
    bucket = FakeObjectStore()
    bucket.objects = {"p/a.bin": b""}
    (info,) = bucket.list("p/")
    huge = type(info)(info.key, info.etag, LARGEST_OBJECT + 1, None, info.modified)
    manifest = manifest_of([huge], "p/")
    assert not manifest.entries
    assert manifest.refused == (("p/a.bin", "it is larger than 256 MiB"),)


def test_the_digest_is_of_the_content_and_of_nothing_else() -> None:
    files = {"b": "2" * 64, "a": "1" * 64}
    assert content_digest(files) == content_digest(dict(reversed(files.items())))
    assert content_digest(files) != content_digest({"b": "1" * 64, "a": "2" * 64})
    assert content_digest({}) == content_digest({})
    assert len(content_digest({})) == 64
