"""One process has a store open at a time; the kernel frees the lock with the process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class StoreTaken(RuntimeError):
    """Another living process has the folder open."""


def take_folder(folder: Path) -> int:
    """Lock a folder; close the descriptor to let it go. Raises StoreTaken."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StoreTaken(f"cannot open {folder}: another process has it open; stop that one first") from None
    return descriptor
