"""The embedded S3: moto's S3 as a process of its own, for machines that have no object store.

    python -m infra.embedded_s3 --port 9000 --home DIR

It listens on 127.0.0.1 only, keeps objects in memory (they are gone when it stops) and does NOT check
signatures: any access key is as good as any other. `run/s3.lock` in the home names its pid and port once the
port answers. A process that outlives whoever started it is adopted, so buckets survive a kill of the service.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from infra.locks import LockTaken, find_holder, hold, write_facts
from infra.process import start_process, stop_process
from infra.provisioner import ProcessSpec

ROLE = "s3"
_START_SECONDS = 30.0
_LOOK_SECONDS = 0.02


class CannotStart(RuntimeError):
    """The embedded S3 did not come up; the message says why."""


def ensure(home: Path, port: int, env: dict[str, str]) -> int:
    """The port of the embedded S3 of this home, started unless it runs. Raises CannotStart."""
    running = find_port(home)
    if running is not None:
        return running
    child = start_process(home, _spec(home, port, env))
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        running = find_port(home)
        if running is not None:
            _reap_when_over(child)
            return running
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_LOOK_SECONDS)
            raise CannotStart(f"cannot start the embedded S3 on port {port}: {_said(home)}")
    child.kill()
    raise CannotStart(
        f"cannot start the embedded S3: port {port} did not answer within {_START_SECONDS:.0f} s"
    )


def find_port(home: Path) -> int | None:
    """The port on which the embedded S3 of this home answers; None when it does not run."""
    holder = find_holder(home / "run" / f"{ROLE}.lock")
    port = holder.facts.get("port") if holder else None
    return port if isinstance(port, int) else None


def stop(home: Path, grace: float = 3.0) -> None:
    """End the embedded S3 of this home; its buckets are gone with it."""
    stop_process(home, ROLE, grace)


def serve(home: Path, port: int) -> None:
    """Be the embedded S3 until SIGTERM."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
    from setproctitle import setproctitle
    from werkzeug.serving import make_server

    class QuietHandler(MotoRequestHandler):
        def log(self, type: str, message: str, *args: object) -> None:
            """Requests are not logged: this is a stand-in, and a poll a second would fill the disk."""

    setproctitle("aerodrome s3")
    lock = hold(home / "run" / f"{ROLE}.lock", ROLE)
    server = make_server(
        "127.0.0.1", port, create_backend_app("s3"), threaded=True, request_handler=QuietHandler
    )
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    write_facts(
        lock, role=ROLE, environment="", pid=os.getpid(), started=time.time(), port=server.server_port
    )
    server.serve_forever()


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _spec(home: Path, port: int, env: dict[str, str]) -> ProcessSpec:
    argv = (sys.executable, "-m", "infra.embedded_s3", "--port", str(port), "--home", str(home))
    return ProcessSpec(ROLE, argv, env)


def _said(home: Path) -> str:
    lines = (home / "log" / f"{ROLE}.out").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it ended without a word"


def _reap_when_over(child: subprocess.Popen[bytes]) -> None:
    threading.Thread(target=child.wait, name="s3-reaper", daemon=True).start()


def main(argv: list[str]) -> int:
    import argparse

    parser = argparse.ArgumentParser(
        prog="python -m infra.embedded_s3", description="S3 in memory, for one home."
    )
    parser.add_argument("--port", type=int, default=9000, help="0 picks a free one")
    parser.add_argument("--home", type=Path, required=True)
    options = parser.parse_args(argv)
    try:
        serve(options.home, options.port)
    except (LockTaken, OSError, SystemExit) as error:
        if isinstance(error, SystemExit) and error.code == 0:
            return 0
        print(f"aerodrome: cannot serve S3 on 127.0.0.1:{options.port}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
