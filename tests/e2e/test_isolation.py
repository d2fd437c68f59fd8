"""Environments kept from each other and from the service: with users of their own, and in containers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.containers import SERVICE, find_limits, name_service
from infra.docker_api import Docker
from infra.provisioner import Limits
from tests.running import RunningService, aerodrome, until
from tests.services import find_docker, make_open_directory

pytestmark = [pytest.mark.timeout(300), pytest.mark.service("docker")]
DAGS = Path(__file__).resolve().parents[1] / "dags"
CREATE_SECONDS = 10.0


class World:
    """A service with two environments, `one` and `two`, on the same bucket."""

    seconds: list[float]
    """What it took to create each."""

    def __init__(self, service: RunningService, options: tuple[str, ...]) -> None:
        self.options, self.service = options, service
        service.up(*options)
        self.mwaa, self.s3 = self.service.client("mwaa"), self.service.client("s3")

    def prepare(self) -> None:
        self.s3.create_bucket(Bucket="code")
        for name in ("probing", "hungry"):
            self.s3.put_object(Bucket="code", Key=f"dags/{name}.py", Body=(DAGS / f"{name}.py").read_bytes())
        script = (
            f"id -u; cat /proc/self/status | grep CapEff; cat {self.home}/keys/master.key; export DONE=1\n"
        )
        self.s3.put_object(Bucket="code", Key="startup.sh", Body=script.encode())
        until(lambda: list(self.home.glob("venvs/[!.]*/pyvenv.cfg")), 200, "the interpreter is built")

    @property
    def home(self) -> Path:
        return self.service.home

    def create(self, name: str, **more: str) -> float:
        """The seconds until it is AVAILABLE."""
        began = time.monotonic()
        self.mwaa.create_environment(
            Name=name,
            SourceBucketArn="arn:aws:s3:::code",
            DagS3Path="dags",
            ExecutionRoleArn="arn:aws:iam::123456789012:role/x",
            NetworkConfiguration={"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
            **more,
        )
        until(lambda: self.environment(name)["Status"] != "CREATING", 60, f"{name} is created")
        assert self.environment(name)["Status"] == "AVAILABLE", self.environment(name)["LastUpdate"]
        return time.monotonic() - began

    def environment(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.mwaa.get_environment(Name=name)["Environment"]
        return found

    def rest(self, method: str, path: str, body: Any = None, name: str = "one") -> dict[str, Any]:
        extra = {} if body is None else {"Body": body}
        answer = self.mwaa.invoke_rest_api(Name=name, Path=path, Method=method, **extra)
        found: dict[str, Any] = answer["RestApiResponse"]
        return found

    def run(self, dag: str, run: str, conf: Any = None, seconds: float = 60) -> dict[str, str]:
        """The states of its tasks, once the run is over."""
        until(lambda: dag in self._dags(), 30, f"{dag} is parsed")
        body = {"logical_date": None, "dag_run_id": run, "conf": conf or {}}
        self.rest("POST", f"/dags/{dag}/dagRuns", body)
        path = f"/dags/{dag}/dagRuns/{run}"
        until(lambda: self.rest("GET", path)["state"] in ("success", "failed"), seconds, f"{dag} {run} ends")
        found = self.rest("GET", f"{path}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def log(self, dag: str, run: str, task: str) -> str:
        """A task's log, from S3."""
        prefix = f"logs/one/dag_id={dag}/run_id={run}/task_id={task}/"

        def read() -> str:
            found = self.s3.list_objects_v2(Bucket="code", Prefix=prefix).get("Contents", [])
            parts = (self.s3.get_object(Bucket="code", Key=entry["Key"])["Body"].read() for entry in found)
            return b"".join(parts).decode()

        return until(lambda: (text := read()) and "Task f" in text and text, 20, f"the log of {task}")

    def _dags(self) -> list[str]:
        return [dag["dag_id"] for dag in self.rest("GET", "/dags")["dags"]]


class ContainedService(RunningService):
    """`up` as root in a container of ours, where everything is open to the users that it gives to cells."""

    container = ""

    def up(self, *options: str) -> None:
        docker, ports = find_docker(), ("--port", "0", "--tls-port", "0", "--s3-port", "0")
        places = (str(self.home.parent), str((self.home / "venvs").resolve().parent))
        config = {
            "Image": docker.image,
            "Cmd": ["aerodrome", "up", "--home", str(self.home), *ports, *options],
            "User": "0:0",
            "HostConfig": {"NetworkMode": "host", "Binds": [f"{place}:{place}" for place in places]},
        }
        self.container = docker.docker.create_container(f"aerodrome-test-{os.getpid()}", config)
        docker.docker.start_container(self.container)
        until(lambda: "ready in" in self.said(), 60, "the service is ready")

    def said(self) -> str:
        return Docker().read_output(self.container, 1000)

    def close(self) -> None:
        Docker().stop_container(self.container, 30)
        Docker().remove_container(self.container)


def _open(kind: type[RunningService], venvs: Path, *options: str) -> Iterator[World]:
    if os.getuid() != 0:
        pytest.skip("only root can give cells users of their own")
    place = make_open_directory()
    service = kind(place / "home", venvs)
    try:
        world = World(service, options)
        world.prepare()
        world.seconds = [world.create("one", StartupScriptS3Path="startup.sh"), world.create("two")]
        yield world
        for name in world.mwaa.list_environments()["Environments"]:
            world.mwaa.delete_environment(Name=name)
        until(lambda: not world.mwaa.list_environments()["Environments"], 60, "all are deleted")
    finally:
        service.close()
        shutil.rmtree(place)


@pytest.fixture(scope="module")
def venvs() -> Iterator[Path]:
    """Both services have the image's interpreter, so what one has built is there for the other."""
    place = make_open_directory()
    yield place / "venvs"
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def users(venvs: Path) -> Iterator[World]:
    find_docker()
    yield from _open(ContainedService, venvs)


@pytest.fixture(scope="module")
def docker(venvs: Path) -> Iterator[World]:
    """Its image has a name of its own, so that a test may give that to another image."""
    image = f"aerodrome-test:{os.getpid()}"
    subprocess.run(["docker", "tag", find_docker().image, image], check=True)
    yield from _open(RunningService, venvs, "--provisioner", "docker", "--image", image)
    subprocess.run(["docker", "rmi", image], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("mode", ["users", "docker"])
def test_user_code_reaches_nothing_of_others_when_it_tries(mode: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(mode)
    homes = [world.home / "cells" / name for name in ("one", "two")]
    secrets = [json.loads((home / "cell.json").read_text())["token"] for home in homes]
    secrets.append(json.loads((world.home / "credentials.json").read_text())["secret_access_key"])
    service = (
        "credentials.json",
        "keys/master.key",
        "db/service.db",
        "run/control-plane.json",
        "run/ground.json",
    )
    own = ("cell.json", "secrets.key", "db/metadata.db", "log/engine.log", "run/engine.lock")
    conf = {
        "files": [
            *(str(world.home / name) for name in service),
            *(str(home / name) for home in homes for name in own),
        ],
        "folders": [
            *(str(world.home / name) for name in ("keys", "db", "run", "log", "cells")),
            *(str(homes[0] / name) for name in ("", "db", "run", "attempts", "logs", "store")),
            *(str(homes[1] / name) for name in ("", "db", "run", "bundles", "work", "attempts", "logs")),
        ],
        "sockets": [str(home / "run" / name) for home in homes for name in ("engine.sock", "api.sock")]
        + ["/var/run/docker.sock"],
        "secrets": secrets,
    }
    for path in conf["files"]:
        assert Path(path).is_file(), f"{path} is no longer where it was looked for"
    assert world.run("probing", "p1", conf) == {"probe": "success"}, world.log("probing", "p1", "probe")
    told = world.log("probing", "p1", "probe").partition("PROBED ")[2].partition('"}')[0]
    assert '\\"found\\": []' in told, told


@pytest.mark.parametrize("mode", ["users", "docker"])
def test_a_startup_script_runs_as_the_tasks_own_user_when_cells_have_users(
    mode: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(mode)
    key = "logs/one/Worker/startup_script_execution.log"
    said = world.s3.get_object(Bucket="code", Key=key)["Body"].read().decode()
    assert str((world.home / "cells" / "one").stat().st_gid) in said, said
    assert "0000000000000000" in said, said
    assert "Permission denied" in said or "No such file" in said, said


@pytest.mark.parametrize("mode", ["users", "docker"])
def test_packages_are_built_by_another_user_and_are_ours_afterwards(
    mode: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(mode)
    world.s3.put_object(Bucket="code", Key="requirements.txt", Body=b"text-unidecode==1.3\n")
    world.create("three", RequirementsS3Path="requirements.txt")
    python = json.loads((world.home / "cells" / "three" / "cell.json").read_text())["python"]
    venv = Path(python).parent.parent
    assert (venv.stat().st_uid, stat.S_IMODE(venv.stat().st_mode)) == (0, 0o755)
    (package,) = venv.glob("lib/python3*/site-packages/text_unidecode")
    assert package.stat().st_uid == 0


def test_environments_are_told_to_share_a_user_when_they_do(users: World, tmp_path: Path) -> None:
    assert "single-tenant" not in users.service.said()
    alone = RunningService(tmp_path / "home", tmp_path / "venvs")
    try:
        alone.up("--users", "off")
        assert "single-tenant: all environments run as one user" in alone.said()
        assert "single-tenant" in str(alone.status()["warning"])
    finally:
        alone.close()


def test_each_environment_has_containers_of_its_own_within_seconds_when_created(docker: World) -> None:
    assert docker.seconds[1] <= CREATE_SECONDS, "the first may have waited for the interpreter of all"
    found = {(c["Labels"]["aerodrome.cell"], c["Labels"]["aerodrome.role"]) for c in _containers(docker)}
    assert found >= {(cell, role) for cell in ("one", "two") for role in ("engine", "agent")}


def test_a_task_that_eats_all_memory_harms_only_itself_when_it_is_killed(docker: World) -> None:
    _limit_memory(docker)
    states = docker.run("hungry", "h1")
    assert states == {"eat": "failed", "rest_0": "success", "rest_1": "success", "rest_2": "success"}
    last = docker.log("hungry", "h1", "eat").strip().splitlines()[-1]
    assert "out of memory: the kernel killed it; its limit is 320 MiB" in last


def test_an_environment_answers_again_when_containers_and_control_plane_are_killed(docker: World) -> None:
    for container in _containers(docker):
        if container["Labels"]["aerodrome.cell"] == "one":
            os.kill(Docker().find_container(container["Id"])["State"]["Pid"], signal.SIGKILL)  # type: ignore[index]
    os.kill(docker.service.pid, signal.SIGKILL)
    docker.service.stop(signal.SIGKILL)
    docker.service.up(*docker.options)
    docker.mwaa, docker.s3 = docker.service.client("mwaa"), docker.service.client("s3")
    until(lambda: _is_ready(docker, "one") and _is_ready(docker, "two"), 30, "both environments are ready")
    _limit_memory(docker)
    assert docker.run("hungry", "h2")["rest_0"] == "success"


def test_an_environment_moves_to_the_newest_image_when_it_is_renewed_and_no_other_does(docker: World) -> None:
    before = _find_images(docker)
    some = next(c["Id"] for c in _containers(docker) if c["Labels"]["aerodrome.cell"] == "two")
    subprocess.run(["docker", "commit", some, docker.options[-1]], check=True, stdout=subprocess.DEVNULL)
    newest = Docker().find_image(docker.options[-1])
    assert newest is not None and newest["Id"] not in before.values()
    done = aerodrome("environments", "renew", "two", "--home", str(docker.home))
    assert done.returncode == 0, done.stderr
    assert _find_images(docker) == {**before, "two": newest["Id"]}
    assert docker.environment("two")["Status"] == "AVAILABLE"
    until(lambda: _is_ready(docker, "two"), 30, "it is ready")
    docker.mwaa.delete_environment(Name="two")
    until(lambda: "two" not in docker.mwaa.list_environments()["Environments"], 60, "its containers are gone")


def _find_images(world: World) -> dict[str, str]:
    """The image that all containers of an environment run, by environment."""
    found: dict[str, set[str]] = {}
    for container in _containers(world):
        found.setdefault(container["Labels"]["aerodrome.cell"], set()).add(container["ImageID"])
    assert all(len(images) == 1 for images in found.values())
    return {name: images.pop() for name, images in found.items()}


def _limit_memory(world: World) -> None:
    """As little as a task that wants it all can eat in no time."""
    for container in _containers(world):
        if container["Labels"]["aerodrome.role"] == "agent":
            Docker().update_container(container["Id"], find_limits(Limits(memory=320 << 20)))


def _is_ready(world: World, name: str) -> bool:
    return any(entry["ready"] for entry in world.service.status()["environments"] if entry["name"] == name)


def _containers(world: World) -> list[dict[str, Any]]:
    return Docker().list_containers({SERVICE: name_service(world.home / "cells")})
