"""Changing a living environment on the real service, with tasks running: none of them may notice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.customer import BUCKET, Customer
from tests.e2e.conftest import Stopwatch
from tests.running import RunningService, aerodrome, until

pytestmark = pytest.mark.timeout(300)
TASKS = 20
DAG_FILE = """
from datetime import datetime
from airflow import DAG
from airflow.operators.bash import BashOperator

WAIT = "echo $$ >> FOLDER/{{ run_id }}.NUMBER; while [ ! -e FOLDER/{{ run_id }}.open ]; do sleep 0.2; done"

with DAG("crowd", schedule=None, start_date=datetime(2024, 1, 1), max_active_tasks=100,
         is_paused_upon_creation=False, default_args={"retries": 1, "retry_delay": 0}) as dag:
    for number in range(TASKS):
        BashOperator(task_id=f"t{number}", bash_command=WAIT.replace("NUMBER", str(number)))
"""


class World(Customer):
    """The environment, and the folder in which its tasks leave a line for each start and wait for a file."""

    folder: Path

    def starts(self, run_id: str) -> list[str]:
        found = [path.read_text().split() for path in self.folder.glob(f"{run_id}.[0-9]*")]
        return [pid for pids in found for pid in pids]

    def fill(self, run_id: str, count: int = TASKS) -> None:
        """Have so many tasks run, and wait until they do."""
        self.trigger("crowd", run_id)
        until(lambda: len(self.starts(run_id)) >= count, 60, f"{count} tasks run")

    def open(self, run_id: str) -> None:
        (self.folder / f"{run_id}.open").touch()

    def update(self, **members: Any) -> float:
        """The seconds from asking to AVAILABLE."""
        began = time.perf_counter()
        self.mwaa.update_environment(Name=self.name, **members)
        until(lambda: self.find()["Status"] not in ("UPDATING", "CREATING_SNAPSHOT"), 60, "it is updated")
        found = self.find()
        assert found["Status"] == "AVAILABLE", found["LastUpdate"]
        return time.perf_counter() - began

    def find(self) -> dict[str, Any]:
        found: dict[str, Any] = self.mwaa.get_environment(Name=self.name)["Environment"]
        return found

    def workers(self) -> dict[str, Any]:
        (entry,) = [e for e in self.service.status()["environments"] if e["name"] == self.name]
        found: dict[str, Any] = entry["health"]["scheduler"]["workers"]
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("updates")
    service = RunningService(root / "home", root.parent / "venvs")
    service.up()
    try:
        world = World(service, "living")
        world.folder = root / "tasks"
        world.folder.mkdir()
        world.s3.create_bucket(Bucket=BUCKET)
        world.upload(
            "dags/crowd.py", DAG_FILE.replace("FOLDER", str(world.folder)).replace("TASKS", str(TASKS))
        )
        world.create(EnvironmentClass="mw1.medium", MaxWorkers=2)
        world.wait_for_dags("crowd")
        yield world
    finally:
        service.close()


def test_no_running_task_is_harmed_when_class_settings_and_version_change(
    world: World, stopwatch: Stopwatch
) -> None:
    world.fill("r1")
    assert (world.workers()["count"], world.workers()["max"]) == (2, 2)
    agent, engine = world.pid("agent"), world.pid("engine")
    with stopwatch("a change of class and settings, 20 tasks running, to AVAILABLE"):
        seconds = world.update(
            EnvironmentClass="mw1.large",
            MaxWorkers=3,
            AirflowConfigurationOptions={"core.default_task_retries": "2"},
        )
    assert seconds < 3
    assert (world.pid("agent"), world.pid("engine")) == (agent, engine)
    with stopwatch("a change of version, 20 tasks running, to AVAILABLE"):
        world.update(AirflowVersion="3.2.1")
    assert world.pid("agent") == agent
    assert world.pid("engine") != engine
    assert (world.home() / "snapshots" / "2-3.3.1.db").stat().st_size > 0
    world.open("r1")
    world.wait_for_run("crowd", "r1")
    tries = {task["try_number"] for task in world.tasks("crowd", "r1").values()}
    assert tries == {1} and len(world.starts("r1")) == TASKS


def test_fewer_slots_end_no_task_and_begin_no_other(world: World) -> None:
    world.fill("r2")
    world.update(EnvironmentClass="mw1.small", MaxWorkers=1)
    assert world.workers()["max"] == 1
    assert world.workers()["count"] == 4, "as many as the running tasks stand on"
    world.trigger("crowd", "r3")
    world.open("r3")
    world.open("r2")
    world.wait_for_run("crowd", "r2")
    world.wait_for_run("crowd", "r3")
    for run in ("r2", "r3"):
        assert {task["try_number"] for task in world.tasks("crowd", run).values()} == {1}


def test_forced_ends_running_tasks_with_the_reason_in_their_log_and_they_are_tried_again(
    world: World,
) -> None:
    world.update(EnvironmentClass="mw1.medium", MaxWorkers=2)
    world.fill("r4")
    world.update(
        AirflowConfigurationOptions={"core.default_task_retries": "1"}, WorkerReplacementStrategy="FORCED"
    )
    assert world.find()["LastUpdate"]["WorkerReplacementStrategy"] == "FORCED"
    world.open("r4")
    world.wait_for_run("crowd", "r4")
    assert {task["try_number"] for task in world.tasks("crowd", "r4").values()} == {2}
    end = world.wait_for_end("crowd", "r4", "t0", 1)
    assert "FORCED" in end["reason"] and "updated" in end["reason"]


def test_a_failed_update_says_why_and_the_environment_serves(world: World) -> None:
    world.upload("broken.txt", "this is no requirement\n")
    world.mwaa.update_environment(Name=world.name, RequirementsS3Path="broken.txt")
    until(lambda: world.find()["Status"] == "UPDATE_FAILED", 60, "the update fails")
    found = world.find()
    assert "RequirementsS3Path" not in found
    assert found["LastUpdate"]["Status"] == "FAILED"
    assert "then update it again" in found["LastUpdate"]["Error"]["ErrorMessage"]
    world.open("r5")
    world.trigger("crowd", "r5")
    world.wait_for_run("crowd", "r5")
    world.update(RequirementsS3Path="")


def test_a_paused_environment_has_no_process_and_goes_on_where_it_was(world: World) -> None:
    home = str(world.service.home)
    world.fill("r6")
    world.open("r6")
    done = aerodrome("environments", "pause", world.name, "--home", home)
    assert done.returncode == 0, done.stderr
    assert f"{world.name} is paused" in done.stdout
    found = world.find()
    assert (found["Status"], found["LastUpdate"]["Status"]) == ("UNAVAILABLE", "SUCCESS")
    assert "paused" in found["LastUpdate"]["Source"]
    assert not [e for e in world.service.status()["processes"] if e["environment"] == world.name]
    assert f"resume {world.name}" in aerodrome("status", "--home", home).stdout
    again = aerodrome("environments", "pause", world.name, "--home", home)
    assert again.returncode == 1 and "is paused already" in again.stderr
    done = aerodrome("environments", "resume", world.name, "--home", home)
    assert done.returncode == 0, done.stderr
    assert world.find()["Status"] == "AVAILABLE"
    world.wait_for_run("crowd", "r6")
    assert {task["try_number"] for task in world.tasks("crowd", "r6").values()} == {1}
    before = {world.pid("engine"), world.pid("agent")}
    done = aerodrome("environments", "renew", world.name, "--home", home)
    assert done.returncode == 0, done.stderr
    assert not before & {world.pid("engine"), world.pid("agent")}
    world.open("r7")
    world.trigger("crowd", "r7")
    world.wait_for_run("crowd", "r7")


def test_an_exported_environment_lives_again_under_another_name(world: World, tmp_path: Path) -> None:
    home, file, secret = str(world.service.home), tmp_path / "living.zip", tmp_path / "passphrase"
    secret.write_text("open sesame\n")
    world.rest("POST", "/variables", {"key": "v", "value": "of the first"})
    world.open("r8")
    world.trigger("crowd", "r8")
    world.wait_for_run("crowd", "r8")
    with_secrets = ("--passphrase-file", str(secret))
    done = aerodrome("environments", "export", world.name, str(file), *with_secrets, "--home", home)
    assert done.returncode == 0, done.stderr
    assert "secrets are in it, encrypted" in done.stdout
    refused = aerodrome("environments", "import", str(file), "again", "--bucket", BUCKET, "--home", home)
    assert refused.returncode == 1 and "give the passphrase" in refused.stderr
    words = ("environments", "import", str(file), "again", "--bucket", BUCKET, *with_secrets, "--home", home)
    done = aerodrome(*words)
    assert done.returncode == 0, done.stderr
    again = World(world.service, "again")
    again.folder = world.folder
    assert again.rest("GET", "/variables/v")["value"] == "of the first"
    runs = [{run["dag_run_id"] for run in one.runs("crowd")} for one in (world, again)]
    assert runs[0] == runs[1] >= {"r8"}
    same = (
        "EnvironmentClass",
        "MaxWorkers",
        "AirflowVersion",
        "AirflowConfigurationOptions",
        "SourceBucketArn",
    )
    assert {key: again.find()[key] for key in same} == {key: world.find()[key] for key in same}
    again.open("r9")
    again.trigger("crowd", "r9")
    again.wait_for_run("crowd", "r9")
    again.delete()
    assert not list((world.service.home / "imports").iterdir())
    assert any(key.startswith("logs/again/") for key in world.keys("logs/")), "logs stay"
