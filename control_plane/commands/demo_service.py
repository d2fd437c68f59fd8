"""The demo's service: the one that runs in its home, or one started for the demo and stopped with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from control_plane.commands.demo import DemoFailed
from control_plane.settings import Paths
from infra.locks import find_holder

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_READY = "ready in "


@contextlib.contextmanager
def running_service(paths: Paths) -> Iterator[bool]:
    """A service in this home while the block runs. The value: whether it was started for this."""
    if find_holder(paths.lock("control-plane")):
        yield False
        return
    paths.make()
    output = paths.log / "up.out"
    child = _start(paths.home, output)
    try:
        _wait_until_ready(child, output)
        yield True
    finally:
        _stop(child, output)


def _start(home: Path, output: Path) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "control_plane.main", "up", "--home", str(home)]
    ports = ["--port", "0", "--tls-port", "0", "--s3-port", "0"]
    with output.open("wb") as sink:
        return subprocess.Popen(
            [*argv, *ports],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )


def _wait_until_ready(child: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while _READY not in _said(output):
        if time.monotonic() > deadline:
            raise DemoFailed(f"the service was not ready within {_START_SECONDS:.0f} s; see {output}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_LOOK_SECONDS)
            raise DemoFailed(f"the service did not start: {_last_line(output)} (all it said: {output})")


def _stop(child: subprocess.Popen[bytes], output: Path) -> None:
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        raise DemoFailed(f"the service did not stop within {_STOP_SECONDS:.0f} s; see {output}") from None


def _said(output: Path) -> str:
    return output.read_text(encoding="utf-8", errors="replace")


def _last_line(output: Path) -> str:
    lines = _said(output).strip().splitlines()
    return lines[-1].removeprefix("Error: ") if lines else "it said nothing"
