"""Two services on one PostgreSQL database, as on two machines: the second goes on where the first is gone."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.customer import BUCKET, Customer
from tests.fakes.own_s3 import OwnS3, running_own_s3
from tests.running import RunningService, is_alive, until
from tests.services import make_database

pytestmark = [pytest.mark.timeout(180), pytest.mark.service("postgresql")]

DAG = """
import pathlib, time
from airflow.sdk import DAG, task
with DAG("patient", schedule=None):
    @task(retries=1, retry_delay=0)
    def wait():
        while not pathlib.Path({gate!r}).exists():
            time.sleep(0.02)
    wait()
"""


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[OwnS3]:
    with running_own_s3(tmp_path / "s3") as store:
        yield store


@pytest.fixture
def services(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, postgresql: str, s3: OwnS3
) -> Iterator[list[RunningService]]:
    """The second has the first's keys and asks the same database; the S3 is neither's."""
    venvs = tmp_path_factory.getbasetemp().parent / "venvs"
    made = [RunningService(tmp_path / name, venvs) for name in ("one", "two")]
    with make_database(postgresql) as url:
        options = ("--database", url, "--s3-endpoint", s3.endpoint)
        for service in made:
            keys = {"AWS_ACCESS_KEY_ID": s3.admin.access_key_id}
            service.variables = {**keys, "AWS_SECRET_ACCESS_KEY": s3.admin.secret_access_key}
        made[0].up(*options)
        shutil.copytree(made[0].home / "keys", made[1].home / "keys")
        made[1].up(*options)
        yield made
        for service in reversed(made):
            service.close()


def stands_by(service: RunningService, name: str) -> bool:
    return (service.home / "cells" / name / "run" / "standing-by").exists()


def find_pids(customer: Customer) -> dict[str, int]:
    locks = {role: customer.home() / "run" / f"{role}.lock" for role in ("engine", "agent")}
    return {role: int(json.loads(lock.read_text())["pid"]) for role, lock in locks.items()}


def answers(customer: Customer) -> bool:
    try:
        return bool(customer.rest("GET", "/dags")["dags"])
    except customer.mwaa.exceptions.RestApiServerException:
        return False


def test_the_second_service_goes_on_when_the_first_and_then_its_machine_is_gone(
    services: list[RunningService], s3: OwnS3, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    first, second = (Customer(service, "shared") for service in services)
    first.s3 = second.s3 = s3.client()
    first.s3.create_bucket(Bucket=BUCKET)
    first.upload("dags/patient.py", DAG.format(gate=str(gate)))
    first.create()
    until(
        lambda: stands_by(services[0], "shared") != stands_by(services[1], "shared"),
        20,
        "one engine stands by",
    )
    if stands_by(services[0], "shared"):
        first, second = second, first  # it was faster
    first.wait_for_dags("patient")
    first.rest("POST", "/variables", {"key": "word", "value": "of the first"})
    first.unpause("patient")
    first.trigger("patient", "r1")
    until(lambda: first.tasks("patient", "r1")["wait"]["state"] == "running", 20, "the task runs")

    first.mwaa.update_environment(Name="shared", MaxWorkers=3)
    until(lambda: first._find()["Status"] == "AVAILABLE", 20, "the update is in force")
    before, bundles = find_pids(first), second.home() / "bundles"
    assert not any(bundles.iterdir()), "the second has no files yet"
    assert first.service.stop(signal.SIGKILL) == -signal.SIGKILL
    assert second._find()["MaxWorkers"] == 3
    assert before == find_pids(first) and all(map(is_alive, before.values())), "cells go on"

    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    until(lambda: answers(second), 20, "the second engine answers")  # how soon: test_standby.py
    gate.touch()
    second.wait_for_run("patient", "r1")
    assert second.tasks("patient", "r1")["wait"]["try_number"] == 2
    assert second.rest("GET", "/variables/word")["value"] == "of the first", "it has the same keys"
    second.mwaa.update_environment(Name="shared", MaxWorkers=4)
    until(lambda: second._find()["Status"] != "UPDATING", 20, "the second updates it")
    assert (second._find()["Status"], second._find()["MaxWorkers"]) == ("AVAILABLE", 4)
    left = find_pids(second)
    second.delete()
    assert not any(map(is_alive, left.values()))
