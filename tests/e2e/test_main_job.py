"""The main job on the real service: upload, create, trigger, log in S3; and kill -9 of each part of it."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import RunningService, aerodrome, is_alive, until

pytestmark = pytest.mark.timeout(300)
ENVIRONMENT = "e2e"

# `gated` runs until the test says so and leaves one line a run: proof of how often it ran.
DAG_FILE = """
from datetime import datetime
from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG("gated", schedule=None, start_date=datetime(2024, 1, 1), catchup=False) as dag:
    first = BashOperator(task_id="first", bash_command="echo the log of {{{{ run_id }}}}")
    gate = BashOperator(
        task_id="gate",
        bash_command="echo $$ >> {folder}/{{{{ run_id }}}}.started; "
        "while [ ! -e {folder}/{{{{ run_id }}}}.open ]; do sleep 0.05; done",
    )
    first >> gate >> BashOperator(task_id="last", bash_command="echo done")
"""


class World:
    """A service with one environment in which `gated` is parsed and unpaused."""

    def __init__(self, service: RunningService, folder: Path) -> None:
        self.service = service
        self.folder = folder
        self.connect()

    def connect(self) -> None:
        self.mwaa = self.service.client("mwaa")
        self.s3 = self.service.client("s3")

    def create(self, name: str) -> None:
        """Create an environment and wait until it is AVAILABLE. How fast that is, the benchmarks tell."""
        self.mwaa.create_environment(
            Name=name,
            SourceBucketArn="arn:aws:s3:::code",
            DagS3Path="dags",
            ExecutionRoleArn="arn:aws:iam::123456789012:role/x",
            NetworkConfiguration={"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
        )
        until(lambda: self.environment(name)["Status"] != "CREATING", 240, f"{name} is created")
        found = self.environment(name)
        assert found["Status"] == "AVAILABLE", found["LastUpdate"]

    def environment(self, name: str = ENVIRONMENT) -> dict[str, Any]:
        found: dict[str, Any] = self.mwaa.get_environment(Name=name)["Environment"]
        return found

    def rest(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        extra = {} if body is None else {"Body": body}
        answer = self.mwaa.invoke_rest_api(Name=ENVIRONMENT, Path=path, Method=method, **extra)
        found: dict[str, Any] = answer["RestApiResponse"]
        return found

    def trigger(self, run_id: str) -> None:
        self.rest("POST", "/dags/gated/dagRuns", {"logical_date": None, "dag_run_id": run_id, "conf": {}})

    def open_gate(self, run_id: str) -> None:
        (self.folder / f"{run_id}.open").touch()

    def starts(self, run_id: str) -> list[str]:
        """The shell pids of `gate`, one a start."""
        path = self.folder / f"{run_id}.started"
        return path.read_text().split() if path.exists() else []

    def states(self, run_id: str) -> dict[str, str]:
        found = self.rest("GET", f"/dags/gated/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def read_log(self, prefix: str) -> str:
        """The parts of a log in S3, put together."""
        found = self.s3.list_objects_v2(Bucket="code", Prefix=prefix).get("Contents", [])
        parts = (self.s3.get_object(Bucket="code", Key=entry["Key"])["Body"].read() for entry in found)
        return b"".join(parts).decode()

    def pids(self, role: str) -> set[int]:
        """The processes of a role in our environment."""
        found = self.service.status()["processes"]
        return {
            entry["pid"] for entry in found if (entry["role"], entry["environment"]) == (role, ENVIRONMENT)
        }

    def is_ready(self) -> bool:
        return any(
            entry["ready"] for entry in self.service.status()["environments"] if entry["name"] == ENVIRONMENT
        )

    def is_success(self, run_id: str) -> bool:
        state = self.rest("GET", f"/dags/gated/dagRuns/{run_id}")["state"]
        assert state != "failed", self.states(run_id)
        return bool(state == "success")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("gates")
    service = RunningService(
        tmp_path_factory.mktemp("e2e") / "home", tmp_path_factory.getbasetemp().parent / "venvs"
    )
    try:
        service.up()
        world = World(service, folder)
        world.s3.create_bucket(Bucket="code")
        world.s3.put_object(Bucket="code", Key="dags/gated.py", Body=DAG_FILE.format(folder=folder).encode())
        world.create(ENVIRONMENT)
        until(lambda: world.rest("GET", "/dags")["dags"], 30, "the DAG is parsed")
        world.rest("PATCH", "/dags/gated", {"is_paused": False})
        yield world
    finally:
        service.close()


def test_a_triggered_run_succeeds_and_leaves_its_log_in_s3(world: World) -> None:
    world.trigger("plain")
    world.open_gate("plain")
    until(lambda: world.is_success("plain"), 30, "the run succeeds")
    assert world.states("plain") == {"first": "success", "gate": "success", "last": "success"}
    prefix = f"logs/{ENVIRONMENT}/dag_id=gated/run_id=plain/task_id=first/attempt=1/"
    until(lambda: "the log of plain" in world.read_log(prefix), 15, "the log is in S3")


def test_a_second_environment_comes_and_goes_without_a_trace_when_created_and_deleted(
    world: World,
) -> None:
    world.create("second")
    mine = {entry["pid"] for entry in world.service.status()["processes"] if entry["environment"] == "second"}
    assert len(mine) >= 2
    world.mwaa.delete_environment(Name="second")

    def is_gone() -> bool:
        try:
            world.environment("second")
        except world.mwaa.exceptions.ResourceNotFoundException:
            return True
        return False

    until(is_gone, 20, "GetEnvironment says it is not there")
    until(lambda: not any(is_alive(pid) for pid in mine), 5, "its processes are gone")
    assert not (world.service.home / "cells" / "second").exists()


def test_tasks_run_on_and_cells_are_adopted_when_the_control_plane_is_killed(world: World) -> None:
    world.trigger("headless")
    until(lambda: world.starts("headless"), 20, "the gate task runs")
    engine, agent = world.pids("engine"), world.pids("agent")
    assert world.service.stop(signal.SIGKILL) == -signal.SIGKILL
    world.open_gate("headless")
    (shell,) = world.starts("headless")
    until(lambda: not is_alive(int(shell)), 10, "the task ends without a control plane")
    world.service.up()
    world.connect()
    until(lambda: world.is_success("headless"), 20, "the run succeeds")
    assert (world.pids("engine"), world.pids("agent")) == (engine, agent)
    assert len(world.starts("headless")) == 1


def test_the_task_is_adopted_and_not_started_twice_when_the_engine_is_killed(world: World) -> None:
    world.trigger("orphaned")
    until(lambda: world.starts("orphaned"), 20, "the gate task runs")
    (engine,) = world.pids("engine")
    killed = time.monotonic()
    os.kill(engine, signal.SIGKILL)
    until(lambda: world.pids("engine") not in (set(), {engine}), 5, "another engine")
    until(lambda: world.is_ready(), 5, "the engine is ready")
    assert time.monotonic() - killed <= 5.0
    (shell,) = world.starts("orphaned")
    assert is_alive(int(shell))
    world.open_gate("orphaned")
    until(lambda: world.is_success("orphaned"), 20, "the run succeeds")
    assert len(world.starts("orphaned")) == 1


def test_the_task_ends_with_its_reason_in_the_log_when_the_agent_is_killed(world: World) -> None:
    world.trigger("lost")
    until(lambda: world.starts("lost"), 20, "the gate task runs")
    (agent,) = world.pids("agent")
    (shell,) = world.starts("lost")
    os.kill(agent, signal.SIGKILL)
    until(lambda: not is_alive(int(shell)), 10, "the task ends with its agent")
    until(lambda: world.pids("agent") not in (set(), {agent}), 5, "another agent")
    until(
        lambda: world.states("lost")["gate"] == "failed",
        20,
        "the attempt counts as failed: it had no retries",
    )
    assert len(world.starts("lost")) == 1
    prefix = f"logs/{ENVIRONMENT}/dag_id=gated/run_id=lost/task_id=gate/attempt=1/"
    until(lambda: "agent" in world.read_log(prefix), 20, "the log names the reason")


def test_the_reason_is_visible_and_tasks_go_on_when_the_object_store_dies_and_it_heals(world: World) -> None:
    world.trigger("storeless")
    until(lambda: world.starts("storeless"), 20, "the gate task runs")
    (store,) = {entry["pid"] for entry in world.service.status()["processes"] if entry["role"] == "s3"}
    role = (world.service.home / "run" / "s3.lock").open()
    os.kill(store, signal.SIGKILL)
    fcntl.flock(role, fcntl.LOCK_EX)  # who is to follow finds the role taken, for as long as we look

    def processor() -> dict[str, Any]:
        return dict(world.rest("GET", "/monitor/health")["dag_processor"])

    until(
        lambda: processor()["status"] == "unhealthy",
        10,
        "the environment's API says that files do not arrive",
    )
    assert processor()["sync_error"]["message"].startswith("cannot list dags/ in s3://code")
    (shown,) = (e for e in world.service.status()["environments"] if e["name"] == ENVIRONMENT)
    assert shown["ready"] and not shown["health"]["sync"]["ok"]
    assert "cannot list dags/ in s3://code" in aerodrome("status", "--home", str(world.service.home)).stdout
    role.close()
    world.open_gate("storeless")
    until(lambda: world.is_success("storeless"), 20, "the run succeeds without a store")

    until(lambda: world.service.pids("s3") not in (set(), {store}), 15, "a new object store")
    kept = world.s3.get_object(Bucket="code", Key="dags/gated.py")["Body"].read()
    assert kept == DAG_FILE.format(folder=world.folder).encode()
    until(lambda: processor()["status"] == "healthy", 20, "files arrive again")
    assert "sync_error" not in processor()
