"""The files of large objects: content under opaque names, never under keys.

    staging/<name>        being received; emptied when the store opens
    blobs/<xx>/<name>     whole and on the disk: fsync of the file, rename, fsync of the folder

A file that the index does not name is garbage; so is one left by a crash between the rename and the commit. Files
that are being placed or read are known here and not swept.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_FOLDERS = [f"{number:02x}" for number in range(256)]


class Blobs:
    """The blob folder. `pin` and `unpin` belong to the event loop, everything else may run in any thread."""

    def __init__(self, root: Path) -> None:
        self._staging = root / "staging"
        self._blobs = root / "blobs"
        self._pins: Counter[str] = Counter()

    def prepare(self) -> None:
        """Make the folders and forget what was being received when the last owner ended."""
        for folder in (self._staging, *(self._blobs / name for name in _FOLDERS)):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._staging.iterdir():
            left.unlink()
        sync_folder(self._blobs)
        sync_folder(self._blobs.parent)

    def stage(self) -> tuple[str, int]:
        """A new file to receive into: its name and descriptor."""
        name = secrets.token_hex(16)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return name, os.open(self._staging / name, flags, 0o600)

    def place(self, name: str, descriptor: int) -> None:
        """Make a staged file one of the blobs, durably. Closes the descriptor."""
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        path = self.path_of(name)
        (self._staging / name).rename(path)
        sync_folder(path.parent)

    def unstage(self, name: str, descriptor: int | None) -> None:
        if descriptor is not None:
            os.close(descriptor)
        with contextlib.suppress(FileNotFoundError):
            (self._staging / name).unlink()

    def path_of(self, name: str) -> Path:
        return self._blobs / name[:2] / name

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.path_of(name).unlink()

    def names(self) -> Iterator[str]:
        """Every blob there is."""
        for folder in _FOLDERS:
            with os.scandir(self._blobs / folder) as entries:
                yield from [entry.name for entry in entries]

    def pin(self, name: str) -> None:
        self._pins[name] += 1

    def unpin(self, name: str) -> None:
        self._pins[name] -= 1
        if not self._pins[name]:
            del self._pins[name]

    def is_pinned(self, name: str) -> bool:
        return name in self._pins


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
