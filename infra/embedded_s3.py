"""The embedded S3 as a process of a home: started, found again, stopped. What it runs is its caller's.

`run/s3.lock` names its pid and port once the port answers. A process that outlives whoever started it is adopted; what
it holds lies on the disk.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from pathlib import Path

from infra.locks import find_holder
from infra.process import start_process, stop_process
from infra.provisioner import ProcessSpec

ROLE = "s3"
_START_SECONDS = 30.0
_LOOK_SECONDS = 0.02


class CannotStart(RuntimeError):
    """The embedded S3 did not come up; the message says why."""


def ensure(home: Path, spec: ProcessSpec) -> int:
    """The port of the embedded S3 of this home, started by `spec` unless it runs. Raises CannotStart."""
    running = find_port(home)
    if running is not None:
        return running
    child = start_process(home, spec)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        running = find_port(home)
        if running is not None:
            _reap_when_over(child)
            return running
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_LOOK_SECONDS)
            raise CannotStart(f"cannot start the embedded S3: {_said(home)}")
    child.kill()
    raise CannotStart(f"cannot start the embedded S3: it did not answer within {_START_SECONDS:.0f} s")


def find_port(home: Path) -> int | None:
    """The port on which the embedded S3 of this home answers; None when it does not run."""
    holder = find_holder(home / "run" / f"{ROLE}.lock")
    port = holder.facts.get("port") if holder else None
    return port if isinstance(port, int) else None


def stop(home: Path, grace: float = 10.0) -> None:
    """End the embedded S3 of this home. What it holds stays."""
    stop_process(home, ROLE, grace)


def _said(home: Path) -> str:
    lines = (home / "log" / f"{ROLE}.out").read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("aerodrome: ") if lines else "it ended without a word"


def _reap_when_over(child: subprocess.Popen[bytes]) -> None:
    threading.Thread(target=child.wait, name="s3-reaper", daemon=True).start()
