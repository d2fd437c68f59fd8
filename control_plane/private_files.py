"""Files that only their owner may read: written aside, whole and on the disk before they take their place."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace a file's content at once: a reader, and a crash at any moment, finds the old or the new, all of it."""
    stage(path, text).replace(path)


def stage(path: Path, text: str) -> Path:
    """The content in a file of this process beside `path`, to be moved or linked into place."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    owner = path.parent.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:  # a cell's home may be a user's of its own
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return temporary
