"""Where a log lies: its local file, its parts in the object store, and the way back from a file to its key.

A key such as `dag_id=x/run_id=y/task_id=z/attempt=1` is a folder of parts, `part-00001.log` and so on. Here
it is one file; a name longer than a file system takes is continued inside a folder whose name ends with
`~`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

_NAME_CHARS = 60  # of up to four bytes each: below the 255 bytes of a file name
_KEY_BYTES = 800  # leaves room for the bucket's prefix and the part's name within S3's 1,024
_SUFFIX = ".log"
_MORE = "~"
_JOIN = "~"  # inside a name it stands for '/', at the end of a folder's for "goes on inside"
_PART = re.compile(r"part-(\d{5,})\.log")


def local_path(directory: Path, key: str) -> Path:
    """The local file of a log. Raises ValueError for a key that is no plain relative path."""
    names = key.split("/")
    if any(name in ("", ".", "..") or _MORE in name or "\0" in name for name in names):
        raise ValueError(f"cannot keep a log under {key!r}: it must be a relative path without '..' and '~'")
    if len(names) > 1 and len(names[-2]) + len(names[-1]) < _NAME_CHARS:
        names[-2:] = [
            _JOIN.join(names[-2:])
        ]  # spares a folder for each attempt: making one costs more than writing
    folded = [piece for name in names for piece in _pieces(name)]
    return Path(directory, *folded[:-1], folded[-1] + _SUFFIX)


def find_local(directory: Path) -> Iterator[tuple[str, Path]]:
    """Every local log and its key."""
    for path in sorted(directory.rglob(f"*{_SUFFIX}")):
        if path.is_file():
            relative = path.relative_to(directory).as_posix().removesuffix(_SUFFIX)
            yield key_of(relative), path


def key_of(relative: str) -> str:
    """The key of a local file, from its path relative to the directory without the suffix."""
    return relative.replace(_MORE + "/", "").replace(_JOIN, "/")


def part_key(key: str, number: int) -> str:
    return f"{folder(key)}part-{number:05}.log"


def part_number(object_key: str) -> int | None:
    """The number of a part, None for an object that is no part of a log."""
    found = _PART.fullmatch(object_key.rpartition("/")[2])
    return int(found.group(1)) if found else None


def folder(key: str) -> str:
    """The key prefix of a log's parts; a key too long for S3 is cut and made unique by its hash."""
    raw = key.encode()
    if len(raw) <= _KEY_BYTES:
        return f"{key}/"
    return f"{raw[: _KEY_BYTES - 40].decode(errors='ignore')}{_MORE}{hashlib.sha256(raw).hexdigest()[:32]}/"


def remove_empty_folders(directory: Path, path: Path) -> None:
    """Remove the folders that are empty without the file that was there."""
    for parent in path.parents:
        if parent == directory:
            return
        try:
            parent.rmdir()
        except OSError:
            return  # another log lives there


def _pieces(name: str) -> list[str]:
    cut = [name[at : at + _NAME_CHARS] for at in range(0, len(name), _NAME_CHARS)]
    return [piece + _MORE for piece in cut[:-1]] + cut[-1:]
