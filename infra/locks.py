"""Role locks: a file that a living process holds with flock, and whose text says who it is.

The kernel frees the lock with the process, so a held lock is the proof of life and its text names the pid.
The same files as the runner's: `run/<role>.lock` with {"role", "environment", "pid", "started"} inside.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any


class LockTaken(RuntimeError):
    """Another living process holds the role."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The living process that holds a lock."""

    pid: int
    facts: dict[str, Any] = field(default_factory=dict)


def hold(path: Path, role: str, environment: str = "", **facts: Any) -> IO[str]:
    """Take the lock and write who holds it; keep the returned file open. Raises LockTaken."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise LockTaken(f"cannot be {role}: process {_pid_in(path) or '?'} holds {path}") from None
    write_facts(file, role=role, environment=environment, pid=os.getpid(), started=time.time(), **facts)
    return file


def write_facts(file: IO[str], **facts: Any) -> None:
    """Replace what a held lock says about its holder."""
    file.seek(0)
    file.truncate(0)
    json.dump(facts, file)
    file.flush()


def find_holder(path: Path, known: Holder | None = None) -> Holder | None:
    """Who holds the lock now; None when nobody does, or when the holder has not yet said who it is.

    `known`: who was found before; as long as the lock says the same, a living pid is proof enough, which spares
    a busy process a look at all its files. The probe itself takes the lock for an instant; a process that starts
    in that instant ends as if the role were taken, and is started again.
    """
    try:
        with path.open(encoding="utf-8") as file:
            if _is_free(file):
                return None
            facts = _read(file.read())
    except FileNotFoundError:
        return None
    pid = facts.get("pid")
    if not isinstance(pid, int):
        return None
    if known is not None and known.facts == facts:
        return known if is_alive(pid) else None
    return Holder(pid, facts) if _has_open(pid, path) else None


def find_facts(path: Path) -> dict[str, Any] | None:
    """What a held lock says; None when nobody holds it.

    For holders whose numbers mean nothing here, as those in containers.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return None if _is_free(file) else _read(file.read())
    except FileNotFoundError:
        return None


def _is_free(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True


def _pid_in(path: Path) -> int | None:
    holder = find_holder(path)
    return holder.pid if holder else None


def _read(text: str) -> dict[str, Any]:
    try:
        facts = json.loads(text)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def is_alive(pid: int) -> bool:
    """Whether a process of that number exists; who it is, only a lock can tell."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _has_open(pid: int, path: Path) -> bool:
    """Whether that process has the lock file open: a forked child may hold a dead parent's lock for a moment.

    A process that closes itself to others is found in the kernel's table of locks instead. Where there is no /proc
    the lock's own text is believed.
    """
    folder = Path(f"/proc/{pid}/fd")
    if not Path("/proc/self/fd").is_dir():
        return True
    try:
        target = path.stat()
        return any(_is_same(entry, target) for entry in folder.iterdir())
    except PermissionError:
        return is_alive(pid) and _is_locker(pid, target.st_ino)
    except OSError:
        return False


def _is_locker(pid: int, inode: int) -> bool:
    """Whether the kernel says that this process took a lock of that file."""
    try:
        rows = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    except OSError:
        return False
    return any(len(row) > 5 and row[4] == str(pid) and row[5].endswith(f":{inode}") for row in rows)


def _is_same(entry: Path, target: os.stat_result) -> bool:
    try:
        return os.path.samestat(entry.stat(), target)
    except OSError:
        return False
