"""The file of one attempt: its lock, who runs it, and its outcome until the engine has committed it.

Lines of JSON, appended: {"workload", "log_key", "boot", "at"}, {"pid", "started"}, {"outcome"}, {"ended"},
{"acked"}. The lock
(flock) is on the open file that agent and child share, so it is free only when both are gone: a file is used again
for another attempt only when its lock can be had.
A kill -9 at any moment leaves at worst a last line that is cut off, which counts as not written.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow._wire.frames import Message

from runner.agent import kernel
from sync.free_files import FreeFiles, rewrite

_COMPACT = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Record:
    """What an attempt's file says."""

    attempt: str
    workload: Message | None = None
    log_key: str | None = None
    boot: str = ""
    at: float = 0.0
    pid: int | None = None
    started: int | None = None
    outcome: Message | None = None
    ended: bool = False
    """Its log has its last line."""
    acked: bool = False


class Spool:
    """The files of all attempts of an agent: `<directory>/<attempt>`, and in `.free` those to be used again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._free = FreeFiles(directory / ".free")

    def create(self, attempt: str, **facts: Any) -> int:
        """Make and lock the file of a new attempt; its descriptor. Raises FileExistsError."""
        path, line = f"{self._directory}/{attempt}", _encode(facts)
        fd = self._reuse(path, line)
        if fd is None:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            kernel.try_lock(fd)
            os.write(fd, line)
        return fd

    def remove(self, attempt: str) -> None:
        """Forget an attempt."""
        self._free.give(f"{self._directory}/{attempt}")

    def _reuse(self, path: str, line: bytes) -> int | None:
        while not os.path.lexists(path) and (free := self._free.take()) is not None:
            fd = os.open(free, os.O_RDWR | os.O_CLOEXEC)
            if kernel.try_lock(fd):
                rewrite(fd, line)
                os.rename(free, path)  # noqa: PTH104 - three times as fast, and done for every attempt
                return fd
            os.close(fd)
            os.unlink(free)  # noqa: PTH108 - something that its attempt left behind still has it open
        return None


def append(fd: int, **facts: Any) -> None:
    """Write down more about an attempt."""
    os.write(fd, _encode(facts))


def _encode(facts: dict[str, Any]) -> bytes:
    return _COMPACT.encode(facts).encode() + b"\n"


def read(path: Path) -> Record:
    """What the file of an attempt says; lines that cannot be read are left out."""
    facts: dict[str, Any] = {}
    for line in path.read_bytes().split(b"\n"):
        try:
            fact = json.loads(line) if line else {}
        except ValueError:
            continue
        if isinstance(fact, dict):
            facts.update(fact)
    known = {key: value for key, value in facts.items() if key in Record.__slots__ and key != "attempt"}
    return Record(attempt=path.name, **known)
