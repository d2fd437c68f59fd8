"""A parent that collects every orphan below it, as init would: `python nursery.py COMMAND...`.

So no process of the service leaves the tree we measure, nor stays a zombie in it. It passes SIGTERM on to the
command, stays until the last process below it has ended, and then ends as the command did.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys

COMMAND = [sys.executable, __file__]
"""What to put before a command line."""
_SET_CHILD_SUBREAPER = 36


def main(command: list[str]) -> int:
    """Run the command and reap until nothing is left; the command's exit status."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(command)
    status: int | None = None

    def pass_on(number: int, _frame: object) -> None:
        if status is None:
            os.kill(child.pid, number)

    signal.signal(signal.SIGTERM, pass_on)
    while True:
        try:
            pid, ended = os.waitpid(-1, 0)
        except ChildProcessError:
            return status or 0
        if pid == child.pid:
            status = os.waitstatus_to_exitcode(ended) % 256


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
