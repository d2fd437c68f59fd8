"""A listing as a value: which files there are, and which version of each. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sync.objects import ObjectInfo
from sync.paths import plan_paths

LARGEST_OBJECT = 256 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One object's version, by what a listing says of it."""

    etag: str
    size: int
    key: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """path -> version, of one listing; and the keys that make no file, with the reason."""

    entries: Mapping[str, Entry]
    refused: tuple[tuple[str, str], ...] = field(default=(), compare=False)


def manifest_of(listing: Iterable[ObjectInfo], prefix: str = "") -> Manifest:
    """The manifest of a listing of `prefix`."""
    found = {info.key: info for info in listing}
    paths = plan_paths(found, prefix)
    refused = list(paths.refused)
    entries = {}
    for path, key in paths.accepted.items():
        info = found[key]
        if info.size > LARGEST_OBJECT:
            refused.append((key, f"it is larger than {LARGEST_OBJECT >> 20} MiB"))
        else:
            entries[path] = Entry(info.etag, info.size, key)
    return Manifest(entries, tuple(refused))


def settled(previous: Manifest | None, current: Manifest) -> bool:
    """Whether two listings agree, so that no uploader was seen at work between them."""
    return previous is not None and previous.entries == current.entries


def content_digest(files: Mapping[str, str]) -> str:
    """The digest of a snapshot, from path -> SHA-256 of the content: equal contents give equal digests."""
    whole = hashlib.sha256()
    for path in sorted(files):
        whole.update(f"{path}\0{files[path]}\n".encode())
    return whole.hexdigest()
