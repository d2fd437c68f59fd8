"""What the agent asks of the kernel. The only module here that knows which system it runs on.

Where a facility is missing (not Linux) the answers are empty and the agent degrades: it learns of deaths from its
sockets, and strays that left their process group stay unseen.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

LINUX = sys.platform == "linux"
_PR_SET_CHILD_SUBREAPER = 36
_PROC = Path("/proc")
_GROUP = Path("/sys/fs/cgroup")
"""In a container, its own group."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Process:
    """A row of the process table."""

    pid: int
    is_zombie: bool
    """It is dead, and whoever should reap it has not."""
    parent: int
    session: int
    started: int
    """Clock ticks since boot: with the pid, the identity of a process."""
    pages: int = 0
    """Of memory that it has in use, those it shares with others included."""


def become_subreaper() -> None:
    """Have orphans among our descendants become our children, so that none is out of sight."""
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def boot_id() -> str:
    """Which boot of this machine it is; pids of another mean nothing."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def find_process(pid: int) -> Process | None:
    """The process with this pid, if there is one (a zombie is one)."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text = os.read(fd, 1024)
    except OSError:
        return None
    finally:
        os.close(fd)
    fields = text[text.rfind(b")") + 2 :].split()
    if len(fields) < 22:
        return None
    dead = fields[0] in (b"Z", b"X")
    return Process(pid, dead, int(fields[1]), int(fields[3]), int(fields[19]), int(fields[21]))


def list_processes() -> Iterator[Process]:
    """Every process that can be seen."""
    if not LINUX:
        return
    for name in os.listdir(_PROC):  # noqa: PTH208 - names only, and often
        if name.isdigit():
            process = find_process(int(name))
            if process is not None:
                yield process


def sum_memory(sessions: Container[int]) -> dict[int, int]:
    """Session -> bytes that its processes have in use, each counted whole. One look at every process."""
    found: dict[int, int] = {}
    for process in list_processes():
        if process.session in sessions:
            found[process.session] = found.get(process.session, 0) + process.pages * _PAGE
    return found


def measure_memory(session: int) -> int:
    """Bytes that a session's processes have in use, what they share with others only in part. Dearer, and exact."""
    return sum(_measure(pid) for pid in session_members(session))


def _measure(pid: int) -> int:
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0  # it ended meanwhile
    lines = (line.split() for line in text.splitlines())
    return sum(int(words[1]) * 1024 for words in lines if words[0] in ("Pss:", "SwapPss:"))


def find_free_memory() -> tuple[int, int] | None:
    """Bytes that are left for us, and all there are: of the machine, or of our control group when it has less."""
    try:
        rows = (line.split() for line in (_PROC / "meminfo").read_text().splitlines())
        facts = {words[0]: int(words[1]) * 1024 for words in rows}
        free, whole = facts["MemAvailable:"], facts["MemTotal:"]
    except (OSError, KeyError, ValueError):
        return None
    group = _find_group_memory()
    return min((free, whole), group) if group else (free, whole)


def _find_group_memory() -> tuple[int, int] | None:
    """What is left of our own limit (control groups, version 2); None when there is no limit."""
    try:
        most = int((_GROUP / "memory.max").read_text())
        used = int((_GROUP / "memory.current").read_text())
        rows = (line.split() for line in (_GROUP / "memory.stat").read_text().splitlines())
        return most - used + next(int(words[1]) for words in rows if words[0] == "inactive_file"), most
    except (OSError, ValueError, StopIteration):
        return None


def session_members(session: int) -> list[int]:
    """The pids in a session; the dead that nobody has reaped are none."""
    members = (process for process in list_processes() if process.session == session)
    return [process.pid for process in members if not process.is_zombie]


def list_children() -> list[int]:
    """Pids of the agent's own children, orphans that it inherited included."""
    me = os.getpid()
    try:
        return [int(pid) for pid in (_PROC / f"self/task/{me}/children").read_text().split()]
    except OSError:
        return [process.pid for process in list_processes() if process.parent == me]


def attempt_of(pid: int, attempts: Path) -> str | None:
    """The attempt whose environment a process was started with, or whose lock file it still has open."""
    try:
        environ = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        environ = b""
    for entry in environ.split(b"\0"):
        if entry.startswith(b"AERODROME_ATTEMPT="):
            return entry.partition(b"=")[2].decode(errors="replace")
    for target in _open_files(pid):
        if target.parent == attempts:
            return target.name
    return None


def may_be_read(pid: int) -> bool:
    """Whether the kernel tells us of a process's environment and files: of another user's it does not."""
    return os.access(_PROC / str(pid) / "fd", os.R_OK | os.X_OK)


def kill_user(user: int) -> int:
    """Kill everything that runs as a user; how many were seen."""
    seen = 0
    for process in list_processes():
        try:
            is_theirs = (_PROC / str(process.pid)).stat().st_uid == user
        except OSError:
            continue  # it ended meanwhile
        if is_theirs and not process.is_zombie:
            kill(process.pid)
            seen += 1
    return seen


def holders(path: Path) -> list[int]:
    """Pids that have a file open, other than ours."""
    mine = os.getpid()
    return [p.pid for p in list_processes() if p.pid != mine and path in _open_files(p.pid)]


def _open_files(pid: int) -> list[Path]:
    found = []
    try:
        for link in (_PROC / str(pid) / "fd").iterdir():
            found.append(link.readlink())
    except OSError:
        return found  # it ended meanwhile
    return found


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Signal one process, if it is still there."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def kill_group(group: int, number: int = signal.SIGKILL) -> bool:
    """Signal a process group at once; False when nothing is left of it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def signal_leader(pid: int, number: int) -> None:
    """Signal a child that lives, with its group; one that has not made its own session yet alone."""
    if not kill_group(pid, number):
        kill(pid, number)


def kill_session(session: int) -> int:
    """Kill all of a session, groups first so that a fork bomb cannot outrun it; how many were seen."""
    kill_group(session)
    members = session_members(session)
    for pid in members:
        kill(pid)
    return len(members)


def try_lock(fd: int) -> bool:
    """Take the lock of an open file; False while another process holds it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
