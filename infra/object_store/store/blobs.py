"""The files of large objects: content under opaque names, never under keys.

    staging/<name>        being received; emptied when the store opens
    blobs/<xx>/<name>     whole and on the disk: fsync of the file, rename, fsync of the folder
    reserve               room that is given up when a deletion finds the disk full

A file that the index does not name is garbage; so is one left by a crash between the rename and the commit. Files
that are being placed or read are known here and not swept.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_RESERVE = 16 << 20
"""Twice what the log of the index grows to, so that it can be folded into the index and used again."""


class Blobs:
    """The blob folder. `pin` and `unpin` belong to the event loop, everything else may run in any thread."""

    def __init__(self, root: Path) -> None:
        self._staging = root / "staging"
        self._blobs = root / "blobs"
        self._reserve = root / "reserve"
        self._pins: Counter[str] = Counter()
        self._made: set[str] = set()
        self._making = threading.Lock()

    def prepare(self) -> None:
        """Make the folders and forget what was being received when the last owner ended."""
        for folder in (self._staging, self._blobs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._staging.iterdir():
            left.unlink()
        sync_folder(self._blobs.parent)

    def stage(self) -> tuple[str, int]:
        """A new file to receive into: its name and descriptor."""
        name = secrets.token_hex(16)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return name, os.open(self._staging / name, flags, 0o600)

    def place(self, name: str, descriptor: int) -> None:
        """Make a staged file one of the blobs, durably. Closes the descriptor."""
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)
        path = self.path_of(name)
        self._make_folder(path.parent)
        (self._staging / name).rename(path)
        sync_folder(path.parent)

    def _make_folder(self, folder: Path) -> None:
        """Have one of the folders, durably, before anything in it is relied on."""
        with self._making:
            if folder.name not in self._made:
                folder.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self._blobs)
                self._made.add(folder.name)

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

    def keep_reserve(self) -> None:
        """Have the reserve, unless the disk is too full for it."""
        with contextlib.suppress(OSError):
            disk = os.statvfs(self._blobs)
            if not self._reserve.exists() and disk.f_bavail * disk.f_frsize > 2 * _RESERVE:
                self._reserve.touch(mode=0o600)
                with self._reserve.open("wb") as file:
                    _fill(file)

    def give_up_reserve(self) -> bool:
        """Make room for a deletion; False when that was done already."""
        try:
            self._reserve.unlink()
        except FileNotFoundError:
            return False
        return True

    def folders(self) -> list[Path]:
        return sorted(self._blobs.iterdir())

    def names_in(self, folder: Path) -> list[str]:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]

    def names(self) -> Iterator[str]:
        """Every blob there is."""
        for folder in self.folders():
            yield from self.names_in(folder)

    def pin(self, name: str) -> None:
        self._pins[name] += 1

    def unpin(self, name: str) -> None:
        self._pins[name] -= 1
        if not self._pins[name]:
            del self._pins[name]

    def is_pinned(self, name: str) -> bool:
        return name in self._pins


def _sync(descriptor: int) -> None:
    """To the disk itself; macOS tells its disk so only when asked by another name."""
    if sys.platform == "darwin":
        with contextlib.suppress(OSError):  # not every file system there has it
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    os.fsync(descriptor)


def _fill(file: BinaryIO) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, _RESERVE)
    else:
        file.write(bytes(_RESERVE))


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)
