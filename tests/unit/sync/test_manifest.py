"""Manifests as values: equality settles, differences are exact, digests speak of content alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sync.manifest import LARGEST_OBJECT, Entry, Manifest, content_digest, diff, manifest_of, settled
from tests.fakes.object_store import FakeObjectStore

manifests = st.dictionaries(
    st.sampled_from("abcdef"), st.builds(Entry, st.sampled_from("xyz"), st.just(1), st.just("k")), max_size=6
).map(Manifest)


@given(manifests, manifests)
def test_a_difference_applied_to_the_old_gives_the_new(old: Manifest, new: Manifest) -> None:
    change = diff(old, new)
    made = {path: entry for path, entry in old.entries.items() if path not in change.removed}
    made |= {path: new.entries[path] for path in (*change.added, *change.changed)}
    assert made == new.entries
    assert bool(change) == (old.entries != new.entries) == (not settled(old, new))


def test_nothing_seen_before_is_not_settled() -> None:
    assert not settled(None, Manifest({}))


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
