"""Containers when the engine itself is killed: one of our own, so that no other test notices."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.containers import Surroundings, name_service
from infra.docker import DockerProvisioner
from infra.docker_api import Docker, DockerAway
from infra.homes import Homes
from infra.locks import find_facts, is_alive
from infra.provisioner import CellPlan, ProcessSpec
from tests.services import make_open_directory, skip_or_fail

pytestmark = [pytest.mark.service("docker"), pytest.mark.timeout(180)]
ROOT = Path(__file__).resolve().parents[2]
_BODY = """
import signal, sys
from pathlib import Path
from infra.locks import hold
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
lock = hold(Path("run/engine.lock"), "engine", "cell")
while True:
    signal.pause()
"""


class Daemon:
    """A dockerd with a directory, a socket and an image of its own, and no network."""

    def __init__(self, place: Path, base: Path) -> None:
        self.place, self.docker = place, Docker(place / "docker.sock")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        with base.open("rb") as archive:
            host = ["docker", "-H", f"unix://{self.docker.path}"]
            subprocess.run(
                [*host, "import", "-", "base"], stdin=archive, check=True, stdout=subprocess.DEVNULL
            )

    def start(self) -> None:
        where = [f"--{name}={self.place / name}" for name in ("data-root", "exec-root", "pidfile")]
        alone = [
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            f"--host=unix://{self.docker.path}",
        ]
        (self.place / "pidfile").unlink(missing_ok=True)
        with (self.place / "log").open("ab") as sink:
            self._process = subprocess.Popen(["dockerd", *where, *alone], stdout=sink, stderr=sink)
        wait_for(self._answers, self._said)

    def kill(self) -> None:
        assert self._process is not None
        supervised = int((self.place / "exec-root" / "containerd" / "containerd.pid").read_text())
        self._process.kill()
        self._process.wait(10)
        # Its own child dies with it. A new engine trusts the pid file while there is such a process, even a zombie.
        wait_for(lambda: not is_alive(supervised))

    def close(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self._said()
        try:
            self.docker.list_containers({})
        except DockerAway:
            return False
        return True

    def _said(self) -> str:
        return (self.place / "log").read_text()[-2000:]


def wait_for(condition: Callable[[], bool], what: Callable[[], str] = lambda: "waited in vain") -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    base = Path(os.environ.get("AERODROME_CI_CACHE", "/var/cache/aerodrome-ci")) / "base.tar"
    if os.getuid() != 0 or shutil.which("dockerd") is None or not base.is_file():
        skip_or_fail("an engine of our own takes root, dockerd, and the base that .ci/docker makes")
    place = make_open_directory()
    daemon = Daemon(place, base)
    yield daemon
    daemon.close()
    shutil.rmtree(place, ignore_errors=True)  # a container that a failed test left keeps its own mounted


def test_cells_are_adopted_or_started_again_when_the_engine_is_killed(daemon: Daemon) -> None:
    homes = Homes(daemon.place / "cells")
    around = Surroundings(name_service(homes.root), "base", f"{os.getuid()}:{os.getgid()}", readable=(ROOT,))
    provisioner = DockerProvisioner(homes, daemon.docker, around)
    spec = ProcessSpec("engine", ("/usr/bin/python3", "-c", _BODY), {"PYTHONPATH": str(ROOT)})
    plan = CellPlan("cell", (spec,), {"cell.json": "{}"})
    provisioner.create(plan)
    wait_for(lambda: provisioner.observe("cell").is_running("engine") and homes_lock(homes))
    before = provisioner.observe("cell").processes["engine"]

    daemon.kill()
    assert provisioner.observe("cell").processes["engine"] == before, "the container lives on"
    heir = DockerProvisioner(homes, daemon.docker, around)
    assert heir.observe("cell").is_running("engine"), "its lock proves it without an engine"
    with pytest.raises(DockerAway, match="no Docker engine answers"):
        heir.ensure(plan)

    daemon.start()  # it ends what its predecessor ran; not every release starts it again
    heir.ensure(plan)
    wait_for(lambda: heir.observe("cell").is_running("engine") and homes_lock(homes))
    heir.destroy("cell", 1)
    assert daemon.docker.list_containers(around.labels) == []


def homes_lock(homes: Homes) -> bool:
    """Whether a living process holds the engine's lock."""
    return find_facts(homes.path("cell") / "run" / "engine.lock") is not None
