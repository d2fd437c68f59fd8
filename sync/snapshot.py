"""The last good snapshot and where it is written down, so that a cell starts without its bucket."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sync.manifest import Entry, Manifest, content_digest

_FORMAT = 1
_NAME = "snapshot.json"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A complete, immutable set of files. Equal contents have equal digests, whenever they were uploaded."""

    digest: str
    path: Path
    """The directory that holds it; its name is the digest."""
    files: Mapping[str, str]
    """relative path -> SHA-256"""
    refused: tuple[tuple[str, str], ...]
    """Keys of the bucket that are not in it, with the reason."""
    created_at: float


def write_pointer(store_dir: Path, snapshot: Snapshot, manifest: Manifest) -> None:
    """Make this the snapshot that `find_pointer` finds. Atomic: a kill leaves the old or the new one."""
    document = {
        "format": _FORMAT,
        "digest": snapshot.digest,
        "created_at": snapshot.created_at,
        "refused": snapshot.refused,
        "files": {
            path: [snapshot.files[path], entry.etag, entry.size, entry.key]
            for path, entry in manifest.entries.items()
        },
    }
    store_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    temporary = store_dir / f".new-{_NAME}"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(document, ensure_ascii=False))  # at once: ten times as fast as json.dump
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(store_dir / _NAME)


def find_pointer(store_dir: Path, bundles_dir: Path) -> tuple[Snapshot, Manifest] | None:
    """The last good snapshot; None when there is none, or when it is not whole."""
    try:
        document = json.loads((store_dir / _NAME).read_text(encoding="utf-8"))
        rows = document["files"].items()
        files = {path: row[0] for path, row in rows}
        manifest = Manifest({path: Entry(*row[1:]) for path, row in rows})
        digest = document["digest"]
        refused = tuple((key, reason) for key, reason in document["refused"])
        snapshot = Snapshot(digest, bundles_dir / digest, files, refused, document["created_at"])
    except (FileNotFoundError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None
    whole = document["format"] == _FORMAT and content_digest(files) == digest and snapshot.path.is_dir()
    return (snapshot, manifest) if whole else None
