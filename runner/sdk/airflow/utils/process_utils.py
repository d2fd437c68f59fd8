"""Starting processes, watching them, and their variables."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from airflow.utils.platform import IS_WINDOWS

__all__ = [
    "DEFAULT_TIME_TO_WAIT_AFTER_SIGTERM", "IS_WINDOWS", "execute_in_subprocess", "execute_in_subprocess_with_kwargs",
    "execute_interactive", "kill_child_processes_by_pids", "patch_environ", "reap_process_group",
    "set_new_process_group",
]  # fmt: skip

DEFAULT_TIME_TO_WAIT_AFTER_SIGTERM = 60.0

log = logging.getLogger(__name__)


def execute_in_subprocess(
    cmd: list[str], cwd: str | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Run a command; its output goes to the log as it comes. Raises CalledProcessError when it fails."""
    execute_in_subprocess_with_kwargs(cmd, cwd=cwd, env=env)


def execute_in_subprocess_with_kwargs(cmd: list[str], **kwargs: Any) -> None:
    """The same, with arguments for Popen."""
    log.info("Executing cmd: %s", shlex.join(cmd))
    with subprocess.Popen(
        cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0, close_fds=True, **kwargs
    ) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in iter(process.stdout.readline, b""):
            log.info("%s", line.decode(errors="replace").rstrip())
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, cmd)


def execute_interactive(cmd: list[str], **kwargs: Any) -> None:
    """Run a command on this process's own terminal. Raises CalledProcessError when it fails."""
    log.info("Executing cmd: %s", shlex.join(cmd))
    sys.stdout.flush()
    subprocess.run(cmd, check=True, **kwargs)


@contextlib.contextmanager
def patch_environ(new_env_variables: Mapping[str, str]) -> Iterator[None]:
    """With these variables set, and as they were before afterwards."""
    before = {name: os.environ.get(name) for name in new_env_variables}
    os.environ.update(new_env_variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def reap_process_group(
    process_group_id: int,
    logger: Any = log,
    sig: int = signal.SIGTERM,
    timeout: float = DEFAULT_TIME_TO_WAIT_AFTER_SIGTERM,
) -> dict[int, int]:
    """End all of a process group, by KILL after `timeout`. Answers pid: status for those that were ours to wait for."""
    if process_group_id == os.getpgid(0):
        raise RuntimeError("cannot end the process group that this process is in")
    ended: dict[int, int] = {}
    for number in (sig, signal.SIGKILL):
        logger.info("Sending %s to process group %s", signal.Signals(number).name, process_group_id)
        try:
            os.killpg(process_group_id, number)
        except ProcessLookupError:
            return ended
        if _wait_group(process_group_id, ended, timeout):
            return ended
    return ended


def kill_child_processes_by_pids(pids_to_kill: list[int], timeout: int = 5) -> None:
    """End these children, by KILL after `timeout` seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids_to_kill:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + timeout
        pids_to_kill = [pid for pid in pids_to_kill if not _gone(pid, deadline)]


def set_new_process_group() -> None:
    """Make this process the leader of a group of its own, unless it leads a session."""
    if os.getpid() != os.getsid(0):
        os.setpgid(0, 0)


def _wait_group(group: int, ended: dict[int, int], timeout: float) -> bool:
    """Whether the group has emptied in time; its members' statuses go into `ended`."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            pid, status = os.waitpid(-group, os.WNOHANG)
        except ChildProcessError:
            return not _group_exists(group)
        if pid:
            ended[pid] = os.waitstatus_to_exitcode(status)
        else:
            _pause()
    return False


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _gone(pid: int, deadline: float) -> bool:
    while time.monotonic() < deadline:
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return True
        except ChildProcessError:
            return True
        _pause()
    return False


def _pause() -> None:
    """A moment in which the kernel may tell of a child; there is no other signal that a group has emptied."""
    import select

    select.select([], [], [], 0.02)
