"""What every process of a cell does first: show its role in `ps`, and hold its role's lock for as long as it lives.

The lock is the proof of life that provisioners and `aerodrome status` read: the kernel frees it with the process.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import IO

from setproctitle import setproctitle

EX_TEMPFAIL = 75
_PR_SET_DUMPABLE = 4


class RoleTaken(RuntimeError):
    """Another living process holds the role."""


def show_role(role: str, environment: str, about: str = "") -> None:
    """Name this process in `ps`: `aerodrome engine demo`."""
    setproctitle(" ".join(part for part in ("aerodrome", role, environment, about) if part))


def hold_role(path: Path, role: str, environment: str) -> IO[str]:
    """Take the role's lock and write who holds it. Keep the returned file open. Raises RoleTaken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RoleTaken(f"cannot be {role} of {environment}: another process holds {path}") from None
    file.truncate(0)
    json.dump({"role": role, "environment": environment, "pid": os.getpid(), "started": time.time()}, file)
    file.flush()
    return file


def close_to_others() -> None:
    """Keep other processes of our user from reading our memory, environment and files, and from tracing us.

    The kernel then counts us as root's: it dumps no core of us either.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def raise_file_limit() -> None:
    """As many open files as the kernel lets us have: a task costs an agent three, an agent costs an engine one."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def die_with_reason(error: Exception) -> int:
    """Say on standard error why this process will not run; the exit status for `sys.exit`."""
    print(f"aerodrome: {error}", file=sys.stderr)
    return EX_TEMPFAIL if isinstance(error, RoleTaken) else 1
