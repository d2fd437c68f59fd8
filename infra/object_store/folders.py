"""A folder into a bucket and back.

    folder/reports/june.csv            <->  key "reports/june.csv"
    folder/.aerodrome-objects/          what a plain tree of files cannot say, written by an export:
        manifest.jsonl                  one line per object: key, path, headers, metadata, tags
        <sha256 of the key>             an object whose key is no safe path: "../x", "a//b", "n" beside "n/x" ...

A key becomes a path only if every part of it is an ordinary name; an export writes into a new or empty folder only, so
no link that is already there can lead it elsewhere. An import follows no links.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.object_store.errors import StoreError
from infra.object_store.interface import ObjectStore
from infra.object_store.model import NO_FACTS, Facts, ObjectRef

ASIDE = ".aerodrome-objects"
_MANIFEST = "manifest.jsonl"
_CHUNK = 1 << 18
_MOST_NAME_BYTES = 255


class CannotMove(RuntimeError):
    """A folder that cannot be imported or exported; the message says why."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did. `skipped`: files that are neither plain files nor folders, or whose names are not UTF-8."""

    objects: int
    size: int
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Item:
    path: Path
    key: str
    facts: Facts


async def import_folder(store: ObjectStore, folder: Path, bucket: str, prefix: str = "") -> Moved:
    """Put every file below `folder` under `prefix`, in place of what has the key. An export comes back as it was."""
    if not folder.is_dir():
        raise CannotMove(f"cannot import {folder}: it is no folder")
    manifest = _read_manifest(folder)
    skipped: list[str] = []
    count = size = 0
    for item in _list_items(folder, manifest, skipped):
        body = store.receive()
        try:
            with open(item.path, "rb", opener=_open_plainly) as file:
                while chunk := file.read(_CHUNK):
                    await body.write(chunk)
            written = await store.put_object(ObjectRef(bucket, prefix + item.key), body, item.facts)
        except BaseException:
            await body.discard()
            raise
        count, size = count + 1, size + written.size
    return Moved(count, size, tuple(skipped))


async def export_folder(store: ObjectStore, bucket: str, folder: Path, prefix: str = "") -> Moved:
    """Write the current objects under `prefix` into a new or empty folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CannotMove(f"cannot export into {folder}: it must be a new or an empty folder")
    (folder / ASIDE).mkdir(mode=0o700, parents=True)
    count = size = 0
    after = ""
    with (folder / ASIDE / _MANIFEST).open("x", encoding="utf-8") as manifest:
        while True:
            page = store.list_objects(bucket, prefix, after=after)
            for entry in page.entries:
                written = await _export(store, ObjectRef(bucket, entry.key), prefix, folder, manifest)
                if written is not None:
                    count, size = count + 1, size + written
            if not page.truncated:
                break
            after = page.next_after
        manifest.flush()
        os.fsync(manifest.fileno())
    return Moved(count, size)


def find_path(key: str) -> str | None:
    """The relative path of a key that is a safe one; None when it is not."""
    parts = key.split("/")
    plain = all(
        part not in ("", ".", "..") and len(part.encode()) <= _MOST_NAME_BYTES and part.isprintable()
        for part in parts
    )
    return key if plain and "\\" not in key and parts[0] != ASIDE else None


async def _export(store: ObjectStore, ref: ObjectRef, prefix: str, folder: Path, manifest: Any) -> int | None:
    """One object; None when it was deleted since it was listed."""
    key = ref.key[len(prefix) :]
    try:
        content = store.open_object(ref)
    except StoreError as gone:
        if gone.code != "NoSuchKey":
            raise
        return None
    with content:
        path, file = _create(folder, key)
        with file:
            async for chunk in content.chunks(_CHUNK):
                file.write(chunk)
        facts = content.head.facts
        line = {
            "key": key,
            "path": path,
            "headers": dict(facts.headers),
            "metadata": dict(facts.metadata),
            "tags": dict(facts.tags),
        }
        manifest.write(json.dumps(line, ensure_ascii=True) + "\n")
        return content.total


def _create(folder: Path, key: str) -> tuple[str, Any]:
    """A new file for a key: at its own path, or aside when there is none or something is in the way."""
    path = find_path(key)
    if path is not None:
        try:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            return path, (folder / path).open("xb")
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            pass
    aside = f"{ASIDE}/{hashlib.sha256(key.encode()).hexdigest()}"
    return aside, (folder / aside).open("xb")


def _list_items(folder: Path, manifest: Mapping[str, _Item], skipped: list[str]) -> Iterator[_Item]:
    for relative in _walk(folder, "", skipped):
        item = manifest.get(relative)
        if item is not None:
            yield item
        elif not relative.startswith(f"{ASIDE}/"):
            kind, _ = mimetypes.guess_type(relative)
            facts = Facts({"content-type": kind}) if kind else NO_FACTS
            yield _Item(folder / relative, relative, facts)


def _walk(folder: Path, below: str, skipped: list[str]) -> Iterator[str]:
    """Plain files as paths with "/", in order, links not followed."""
    with os.scandir(folder / below) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        relative = f"{below}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder, f"{relative}/", skipped)
        elif entry.is_file(follow_symlinks=False) and _is_text(relative):
            yield relative
        else:
            skipped.append(os.fsencode(relative).decode(errors="backslashreplace"))


def _read_manifest(folder: Path) -> dict[str, _Item]:
    """What an export wrote about its files, by path."""
    path = folder / ASIDE / _MANIFEST
    if not path.is_file() or path.is_symlink():
        return {}
    items: dict[str, _Item] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            said = json.loads(line)
            facts = Facts(said["headers"], said["metadata"], said["tags"])
            items[said["path"]] = _Item(folder / said["path"], said["key"], facts)
        except (ValueError, KeyError, TypeError) as error:
            raise CannotMove(
                f"cannot import {folder}: line {number} of {path.name} is no entry ({error})"
            ) from None
    return items


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _open_plainly(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
