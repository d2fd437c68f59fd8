"""A PostgreSQL server of our own for one comparison: a fresh cluster on a free port, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.side import wait_for

PROGRAMS = ("initdb", "postgres", "createdb", "pg_isready")


def find_binaries() -> Path | None:
    """The directory that holds a server's programs: on PATH, as pg_config says, or where Debian keeps it."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True)
        candidates.insert(0, Path(answer.stdout.strip()))
    if initdb := shutil.which("initdb"):
        candidates.insert(0, Path(initdb).resolve().parent)
    return next((path for path in candidates if all((path / name).exists() for name in PROGRAMS)), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server(database: str) -> Iterator[str]:
    """A running server with one empty database; its address. synchronous_commit stays on."""
    binaries = find_binaries()
    if binaries is None:
        raise RuntimeError(
            "cannot start PostgreSQL: no initdb on PATH; install postgresql or use --database sqlite"
        )
    root = os.geteuid() == 0
    account = "postgres" if root else pwd.getpwuid(os.geteuid()).pw_name
    # PostgreSQL refuses to be root: then it is another user, who must be able to reach its directory.
    switch: dict[str, Any] = {"user": account, "group": account, "extra_groups": []} if root else {}
    with tempfile.TemporaryDirectory(prefix="aerodrome-bench-pg-") as home:
        if root:
            shutil.chown(home, account)
        port = free_port()

        def run(program: str, *arguments: str) -> None:
            command = [str(binaries / program), *arguments]
            subprocess.run(command, check=True, capture_output=True, cwd=home, **switch)

        run("initdb", "--auth=trust", "--encoding=UTF8", "--username=bench", "-D", f"{home}/data")
        with _serving(binaries, home, port, switch):
            run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "bench", database)
            yield f"bench@127.0.0.1:{port}/{database}"


@contextlib.contextmanager
def _serving(binaries: Path, home: str, port: int, switch: dict[str, Any]) -> Iterator[None]:
    arguments = ["-D", f"{home}/data", "-p", str(port), "-k", home, "-c", "listen_addresses=127.0.0.1"]
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen(
            [str(binaries / "postgres"), *arguments], cwd=home, stdout=nowhere, stderr=nowhere, **switch
        )
    try:
        ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        wait_for("PostgreSQL ready", lambda: subprocess.run(ready, check=False).returncode == 0, 30.0)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # fast: ends connections, writes a checkpoint
        process.wait(30)
