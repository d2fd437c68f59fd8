"""A PostgreSQL server of our own for one comparison: a fresh cluster on a free port, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.side import wait_for


def find_binaries() -> Path | None:
    """The directory that holds initdb: on PATH, as pg_config says, or where Debian keeps it."""
    if initdb := shutil.which("initdb"):
        return Path(initdb).parent
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True)
        candidates.insert(0, Path(answer.stdout.strip()))
    return next((path for path in candidates if (path / "initdb").exists()), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server(directory: Path, database: str) -> Iterator[str]:
    """A running server with one empty database; its address. synchronous_commit stays on."""
    binaries = find_binaries()
    if binaries is None:
        raise RuntimeError(
            "cannot start PostgreSQL: no initdb on PATH; install postgresql or use --database sqlite"
        )
    account = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    directory.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(directory, account)
    data, port = directory / "data", free_port()

    def run(program: str, *arguments: str) -> None:
        command = [str(binaries / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=directory, **_as(account))

    run("initdb", "--auth=trust", "--encoding=UTF8", "--username=bench", "-D", str(data))
    arguments = ["-D", str(data), "-p", str(port), "-k", str(directory), "-c", "listen_addresses=127.0.0.1"]
    process = subprocess.Popen(
        [str(binaries / "postgres"), *arguments],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **_as(account),
    )
    ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    try:
        wait_for("PostgreSQL ready", lambda: subprocess.run(ready, check=False).returncode == 0, 30.0)
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "bench", database)
        yield f"bench@127.0.0.1:{port}/{database}"
    finally:
        process.terminate()
        process.wait(30)


def _as(account: str) -> dict[str, Any]:
    return {"user": account, "group": account} if os.geteuid() == 0 else {}
