from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

# The middle process plays process 1: it adopts orphans (PR_SET_CHILD_SUBREAPER) and watches its child.
_INIT = """
import ctypes, os, signal, sys
from infra.reaper import watch
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
child = os.fork()
if child == 0:
    if os.fork() == 0:              # an orphan that ends before the child
        if os.fork() == 0:
            os._exit(3)
        os._exit(0)
    os.wait()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    print("up", flush=True)
    signal.pause()
sys.exit(watch(child))
"""


def test_watch_reaps_orphans_and_passes_term_on_when_it_is_process_one() -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _INIT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as init:
        assert init.stdout is not None and init.stdout.readline() == "up\n"
        init.terminate()
        assert init.wait(10) == 7
