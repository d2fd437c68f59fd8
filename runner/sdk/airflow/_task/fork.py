"""The first moments of a process of ours: tied to its parent, named in `ps`, limited.

Invariant: a process that called `die_with` is killed by the kernel when its parent goes, however that happens.
Where the kernel cannot do that (not Linux) the end of the socket to the parent does it, a little later.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import ctypes
import functools
import logging
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_SIGCHLD, _SIGTERM, _SIG_DFL = int(signal.SIGCHLD), int(signal.SIGTERM), int(signal.SIG_DFL)
_ARG_START = 47  # index of arg_start among the fields of /proc/PID/stat, arg_end follows
ROOM = "-" * 150
"""The last argument of our command lines: space in the process's memory that `show_title` writes over."""


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; end at once when that has happened already."""
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def show_title(*words: str) -> None:
    """Name this process in `ps`: `aerodrome task demo my_dag.my_task`.

    Written over the command line in place, which needs no package in the environment's interpreter.
    """
    address, size = _title_room()
    if not size:
        return
    text = " ".join(words).encode()[: size - 1]
    ctypes.memset(address, 0, size)
    ctypes.memmove(address, text, len(text))
    _libc().prctl(_PR_SET_NAME, b"aerodrome-" + words[1].encode()[:5], 0, 0, 0)


def limit(kind: int, most: int) -> None:
    """Lower a resource limit of this process; one that is lower already stays."""
    _soft, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, hard))


def open_output() -> None:
    """Make standard output and error streams that know no position, for they will lead to pipes one day.

    Python asks once, when a stream is made, whether its file can seek; children that are forked put a log pipe
    in the place of the zygote's file.
    """
    for fd, name in ((1, "stdout"), (2, "stderr")):
        place = os.dup(fd)
        reader, writer = os.pipe()
        os.dup2(writer, fd)
        stream = open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        os.dup2(place, fd)
        for spent in (place, reader, writer):
            os.close(spent)


def silence(*descriptors: int) -> None:
    """Have what is written to these go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    for fd in descriptors:
        os.dup2(nowhere, fd)
    os.close(nowhere)


def offer_to_oom_killer(score: int = 500) -> None:
    """When memory runs out, let the kernel take this process rather than the engine or the agent."""
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return  # not Linux, or a container that forbids it: the kernel's own choice stands
    try:
        os.write(fd, str(score).encode())
    except OSError:
        return
    finally:
        os.close(fd)


def reset_signals() -> None:
    """The handlers that any Python program starts with; a zygote takes them on, and its children have them."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def ignore_children() -> None:
    """Undo, in a child, how its zygote waits for children. By the C functions: no enum is looked up."""
    signal.set_wakeup_fd(-1)
    _signal.signal(_SIGCHLD, _SIG_DFL)


def stop_handling_term() -> None:
    """Let SIGTERM end this process at once. By the C function, as above."""
    _signal.signal(_SIGTERM, _SIG_DFL)


def rehearse() -> None:
    """Do here what every fork does in the new process, so that it is done from memory that is warm."""
    for module, name in ((threading, "_after_fork"), (logging, "_after_at_fork_child_reinit_locks")):
        hook = getattr(module, name, None)
        if hook is not None:
            hook()


@functools.cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


@functools.cache
def _title_room() -> tuple[int, int]:
    """Address and size of this process's command line; inherited over a fork, so found once. (0, 0): none."""
    if sys.platform != "linux" or not sys.argv or sys.argv[-1] != ROOM:
        return 0, 0
    numbers = Path("/proc/self/stat").read_text(encoding="latin-1").rpartition(")")[2].split()
    start, end = int(numbers[_ARG_START - 2]), int(numbers[_ARG_START - 1])
    return start, end - start
