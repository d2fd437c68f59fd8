"""Being process 1 of a container: orphans must be reaped, and not by who waits for children of its own."""

from __future__ import annotations

import os
import signal

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def leave_pid_one() -> None:
    """In process 1: fork, go on as the child, and let process 1 pass signals on and reap. Elsewhere: nothing.

    Call it before any thread exists. Process 1 ends with the child's status.
    """
    if os.getpid() != 1:
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)  # until somebody is there to pass them on
    child = os.fork()
    if child:
        os._exit(watch(child))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def watch(child: int) -> int:
    """Pass signals on to the child and reap whatever ends; the child's exit status once it has ended."""
    for number in _PASSED_ON:
        signal.signal(number, lambda received, _frame: os.kill(child, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
