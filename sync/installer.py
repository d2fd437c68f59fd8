"""Running uv: it sees only what it needs of our environment variables, and it can be called off.

Building a package runs its author's code, so our own secrets are not in its surroundings.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable

_SECONDS = 20 * 60.0
_LOOK_SECONDS = 0.2
_KEPT = re.compile(
    r"PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|XDG_\w+|UV_\w+|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE"
    r"|(https?|all|no)_proxy|(HTTPS?|ALL|NO)_PROXY"
    r"|CC|CXX|(C|CXX|CPP|LD)FLAGS|PKG_CONFIG_PATH|LD_LIBRARY_PATH"
)


class VenvError(Exception):
    """A venv could not be built; the text ends with the installer's own words."""


class VenvCancelled(Exception):
    """Whoever wanted the venv wants it no more; nothing of it is left."""


def run_uv(arguments: list[str], cancelled: Callable[[], bool] = lambda: False) -> str:
    """Run uv to its end; what it wrote. Raises VenvError with that, or VenvCancelled."""
    import uv  # only builders need it

    command = [uv.find_uv_bin(), "--no-progress", "--color", "never", *arguments]
    surroundings = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    try:
        running = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=surroundings,
            start_new_session=True,
        )
    except OSError as error:
        raise VenvError(f"cannot run uv: {error}") from None
    try:
        said = _wait(running, arguments[0], cancelled)
    finally:
        _end(running)
    if running.returncode != 0:
        what = "make the venv" if arguments[0] == "venv" else "install the requirements"
        raise VenvError(f"cannot {what}; uv says:\n{_tidy(said)}")
    return _tidy(said)


def _tidy(said: str) -> str:
    """Without the line that names a directory nobody knows."""
    return "\n".join(line for line in said.splitlines() if not line.startswith("Using Python")).strip()


def _wait(running: subprocess.Popen[str], verb: str, cancelled: Callable[[], bool]) -> str:
    deadline = time.monotonic() + _SECONDS
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return running.communicate(timeout=_LOOK_SECONDS)[0]
        if cancelled():
            raise VenvCancelled
        if time.monotonic() > deadline:
            raise VenvError(f"cannot finish `uv {verb}` within {_SECONDS / 60:.0f} minutes")


def _end(running: subprocess.Popen[str]) -> None:
    """Nothing of it stays, the builds of packages included."""
    if running.poll() is None:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
