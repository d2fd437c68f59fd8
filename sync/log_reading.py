"""Reading a log back: the local file while it is there, whole; its parts in the object store afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sync.log_files import folder, local_path, part_number
from sync.objects import ObjectInfo, ObjectStore, open_store

_CHUNK = 1 << 20


class LogNotFound(Exception):
    """There is no log under that key, neither here nor in the object store."""


def read_log(store: ObjectStore | dict[str, Any], directory: Path, key: str, start: int = 0) -> bytes:
    """A log's bytes from `start` on. `store`: an open one, or arguments for `open_store`.

    Raises LogNotFound, and ObjectStoreError when the store cannot be asked.
    """
    return b"".join(iter_log(store, directory, key, start))


def iter_log(
    store: ObjectStore | dict[str, Any], directory: Path, key: str, start: int = 0
) -> Iterator[bytes]:
    """As `read_log`, in chunks of at most a part's size."""
    try:
        for chunk in _iter_local(local_path(directory, key), start):
            start += len(chunk)
            yield chunk
        return
    except FileNotFoundError:
        pass  # it is shipped, perhaps while we were reading
    opened: ObjectStore = open_store(**store) if isinstance(store, dict) else store
    parts = list_parts(opened, key)
    if not parts:
        raise LogNotFound(f"cannot read the log {key}: no attempt has written it")
    at = 0
    for part in parts:
        if at + part.size > start:
            yield opened.get(part.key)[max(0, start - at) :]
        at += part.size


def _iter_local(path: Path, start: int) -> Iterator[bytes]:
    """What the local file holds. Raises FileNotFoundError as soon as it is the file of this log no more."""
    with path.open("rb", buffering=0) as file:
        number = os.fstat(file.fileno()).st_ino
        file.seek(start)
        while True:
            chunk = file.read(_CHUNK)
            if path.stat().st_ino != number:
                raise FileNotFoundError(path)
            if not chunk:
                return
            yield chunk


def list_parts(store: ObjectStore, key: str) -> list[ObjectInfo]:
    """The parts of a log, in order."""
    numbered = [(part_number(info.key), info) for info in store.list(folder(key))]
    return [info for number, info in sorted((n, i) for n, i in numbered if n is not None)]
