"""Service programs that some tests need, started on free ports and for one test session only."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from infra.docker_api import Docker, DockerAway

_PLACES = [Path(p) for p in sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)]
_SETTINGS = ("fsync=off", "full_page_writes=off", "listen_addresses=127.0.0.1", "max_connections=60")


def skip_or_fail(reason: str) -> None:
    """A missing service skips a test; with AERODROME_REQUIRE_SERVICES=1 it fails it."""
    if os.environ.get("AERODROME_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def find_postgresql() -> Path | None:
    """The folder of PostgreSQL's server programs."""
    found = shutil.which("pg_ctl")
    places = [*_PLACES, *([Path(found).resolve().parent] if found else [])]
    return next((place for place in places if (place / "initdb").exists()), None)


@contextmanager
def run_postgresql() -> Iterator[str]:
    """A PostgreSQL server of our own; the URL of its maintenance database."""
    programs = find_postgresql()
    if programs is None:
        skip_or_fail("PostgreSQL's server programs are not installed")
        return
    home = Path(tempfile.mkdtemp(prefix="aerodrome-pg-"))
    as_user = _lower_rights(home)
    port = _find_port()
    data = home / "data"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        subprocess.run(
            [*as_user, programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N"], **quiet
        )
        options = " ".join([f"-p {port}", f"-k {home}", *(f"-c {setting}" for setting in _SETTINGS)])
        start = [programs / "pg_ctl", "-D", data, "-w", "-l", home / "log", "-o", options, "start"]
        subprocess.run([*as_user, *start], **quiet)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*as_user, programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def make_database(server: str) -> Iterator[str]:
    """A database of its own on a server; its URL."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"')
    try:
        yield server.rsplit("/", 1)[0] + f"/{name}"
    finally:
        with psycopg.connect(server, autocommit=True) as conn:
            conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@dataclass(frozen=True, slots=True)
class Engine:
    """A Docker engine that has the project's image."""

    docker: Docker
    image: str
    python: str
    """The interpreter with our code's dependencies, in the image."""
    code: str


def find_docker() -> Engine:
    """The engine of this machine. Skips (or fails) where there is none, or it has no image of ours: see .ci/docker."""
    docker = Docker()
    name = os.environ.get("AERODROME_IMAGE", "aerodrome:ci")
    try:
        image = docker.find_image(name)
    except DockerAway as error:
        skip_or_fail(str(error))
        raise
    if image is None:
        skip_or_fail(f"the Docker engine has no image {name}: build it with .ci/docker")
        raise AssertionError
    labels = image["Config"]["Labels"] or {}
    return Engine(docker, name, labels["aerodrome.python"], labels["aerodrome.code"])


def make_open_directory() -> Path:
    """A directory below which users of cells may go, as they may not in those that pytest makes."""
    place = Path(tempfile.mkdtemp(prefix="aerodrome-", dir="/tmp"))
    place.chmod(0o711)
    return place


def _lower_rights(home: Path) -> list[str]:
    """PostgreSQL refuses to run as root: give the folder to its user."""
    if os.getuid() != 0:
        return []
    home.chmod(0o755)
    shutil.chown(home, "postgres")
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def _find_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
