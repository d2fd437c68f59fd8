"""The reconciler with real processes, S3 and database; only the inside of the cell is a stand-in."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import airflow._wire
import boto3
import pytest
from airflow._wire import cell as wire
from airflow._wire.cell import CellSpec

from control_plane.domain.defaults import fill
from control_plane.domain.environment import Environment, EnvironmentSpec, LastUpdate, arn
from control_plane.domain.equipment import Source
from control_plane.domain.newest import RETRY_SECONDS, list_due
from control_plane.domain.status import Status
from control_plane.reconcile.cell import KeyRing, ObjectStoreAccess, Roots, process_env
from control_plane.reconcile.cell_keys import KeyIssuer, SharedKeys
from control_plane.reconcile.jobs import Jobs
from control_plane.reconcile.journal import Journal
from control_plane.reconcile.loop import Reconciler
from control_plane.reconcile.newest import find_newest
from control_plane.store import environments
from control_plane.store.cell_databases import CellDatabases
from control_plane.store.cell_secrets import CellSecrets
from control_plane.store.database import ServiceDatabase
from control_plane.store.vault import open_vault
from infra.process import ProcessProvisioner
from sync.venv import VenvCancelled, VenvError
from tests.fakes.s3_server import running_s3

ROOT = Path(__file__).resolve().parents[2]
SDK = Path(airflow._wire.__file__).parents[2]
T = TypeVar("T")


def until(look: Callable[[], T], seconds: float = 15.0) -> T:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)
    return found


class OwnInterpreter:
    """The one that runs these tests; a text that says `broken` cannot be installed, one that says `slow` is not yet."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def find_base(self) -> str:
        return sys.executable

    def find(self, wanted: str, progress: Callable[[str], None], cancelled: Callable[[], bool]) -> str:
        progress("installing")
        while "slow" in wanted and not self.go_on.wait(0.01):
            if cancelled():
                raise VenvCancelled
        if "broken" in wanted:
            raise VenvError("cannot install the requirements; uv says:\n" + "because " * 200)
        if "heavy" in wanted:
            raise OSError(errno.ENOSPC, "No space left on device")
        return sys.executable


class World:
    """A service without its HTTP edge."""

    def __init__(self, home: Path, s3_port: int) -> None:
        self.home = home
        self.database = ServiceDatabase(f"sqlite:///{home}/service.db")
        self.database.prepare()
        self.cells = home / "cells"
        self.s3_url = f"http://127.0.0.1:{s3_port}"
        code = home / "code"
        (code / "runner").mkdir(parents=True, exist_ok=True)
        (code / "runner" / "__init__.py").touch()  # a package, or one that is installed comes before it
        shutil.copy(ROOT / "tests/processes/fake_runner.py", code / "runner" / "__main__.py")
        self.roots = Roots(code, SDK)
        self.forgotten: list[ProcessProvisioner] = []
        self.boot()

    def boot(self, keys: KeyIssuer | None = None) -> None:
        """A control plane with nothing in memory."""
        self.provisioner = ProcessProvisioner(self.cells)
        self.forgotten.append(self.provisioner)
        self.interpreters = OwnInterpreter()
        jobs = Jobs(
            database=self.database,
            provisioner=self.provisioner,
            access=ObjectStoreAccess(self.s3_url, "us-east-1", "k", "s"),
            keys=keys or SharedKeys(ObjectStoreAccess(self.s3_url, "us-east-1", "k", "s")),
            cell_databases=CellDatabases(None),
            cell_secrets=CellSecrets(self.database, open_vault(self.home / "master.key")),
            journal=Journal(self.home / "steps"),
            roots=self.roots,
            surroundings=os.environ,
            helper_env=process_env(self.roots, os.environ),
            account="123456789012",
            sync_interval=1.0,
            interpreters=self.interpreters,
            clock=time.time,
            plugins=self.home / "plugins",
        )
        self.reconciler = Reconciler(jobs, time.time, 0.2)
        self.reconciler.start()

    def found(self) -> Environment:
        row = self.find()
        assert row is not None
        return row

    def cell_spec(self) -> dict[str, Any]:
        return dict(json.loads((self.cells / "demo" / "cell.json").read_text()))

    def equipment(self) -> dict[str, Any]:
        return dict(json.loads((self.cells / "demo" / "equipment.json").read_text()))

    def crash(self) -> None:
        self.reconciler.stop(5)

    def close(self) -> None:
        self.crash()
        for name in self.provisioner.names():
            self.provisioner.destroy(name, 1)
        for provisioner in self.forgotten:
            provisioner.observe("demo")
        self.database.close()

    def insert(self, name: str = "demo", **members: Any) -> None:
        body = {
            "ExecutionRoleArn": "arn:aws:iam::123456789012:role/x",
            "SourceBucketArn": "arn:aws:s3:::code",
            "DagS3Path": "dags",
            "NetworkConfiguration": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
            **members,
        }
        row = Environment(
            name,
            uuid.uuid4().hex,
            arn("us-east-1", "123456789012", name),
            Status.CREATING,
            time.time(),
            fill(body),
            time.time(),
            LastUpdate("PENDING", time.time()),
            "localhost:8443",
        )
        with self.database.begin() as connection:
            assert environments.insert(connection, row)
        self.reconciler.wake()

    def find(self, name: str = "demo") -> Environment | None:
        with self.database.read() as connection:
            return environments.find(connection, name)

    def settle(self, name: str = "demo") -> Environment:
        """The environment once it is CREATING no more."""
        until(lambda: (row := self.find(name)) is not None and row.status is not Status.CREATING)
        row = self.find(name)
        assert row is not None
        return row

    def pids(self, name: str = "demo") -> dict[str, int | None]:
        return dict(self.provisioner.observe(name).processes)


@pytest.fixture(scope="module")
def s3_port() -> Iterator[int]:
    with running_s3() as server:
        client = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id="k",
            aws_secret_access_key="s",
        )
        client.create_bucket(Bucket="code")
        client.put_object(Bucket="code", Key="dags/a.py", Body=b"x = 1")
        client.close()
        yield server.port


@pytest.fixture
def world(tmp_path: Path, s3_port: int) -> Iterator[World]:
    world = World(tmp_path, s3_port)
    yield world
    world.close()


def test_an_environment_becomes_available_with_engine_and_agent_when_it_is_created(world: World) -> None:
    world.insert(
        MaxWorkers=2, EnvironmentClass="mw1.medium", AirflowConfigurationOptions={"core.parallelism": "7"}
    )
    row = world.settle()
    assert (row.status, row.last_update.status) == (Status.AVAILABLE, "SUCCESS")
    assert all(world.pids().values()) and set(world.pids()) == {"engine", "agent"}
    spec = json.loads((world.cells / "demo" / "cell.json").read_text())
    assert spec["slots"] == 7
    assert spec["source"] == {
        **spec["logs"],
        "bucket": "code",
        "prefix": "dags",
    }
    assert spec["logs"]["prefix"] == "logs/demo"
    assert spec["source"]["endpoint"] == world.s3_url


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (
            {"SourceBucketArn": "arn:aws:s3:::nowhere"},
            "cannot list the DAG folder s3://nowhere/dags: the bucket does not exist; create it",
        ),
        (
            {"RequirementsS3Path": "requirements.txt"},
            "cannot read requirements.txt s3://code/requirements.txt: there is no such object; upload the file",
        ),
    ],
)
def test_creation_fails_naming_check_resource_and_fix_when_s3_does_not_have_it(
    world: World, members: dict[str, str], words: str
) -> None:
    world.insert(**members)
    row = world.settle()
    assert row.status is Status.CREATE_FAILED
    assert row.last_update.error_code == "INCORRECT_CONFIGURATION"
    assert words in str(row.last_update.error_message)
    assert not any(world.pids().values())


def test_creation_fails_with_the_engines_own_words_when_it_ends_at_once(world: World) -> None:
    world.cells.mkdir()
    (world.cells / "break-engines").touch()
    world.insert()
    row = world.settle()
    assert row.status is Status.CREATE_FAILED
    words = str(row.last_update.error_message)
    assert "the disk is full; mend what it says (log/engine.out" in words
    assert words.endswith(", then create it again")
    until(lambda: not any(world.pids().values()))


def test_a_dead_engine_is_started_within_a_second_when_it_is_killed(world: World) -> None:
    world.insert()
    world.settle()
    before = world.pids()
    killed = time.monotonic()
    os.kill(before["engine"] or 0, signal.SIGKILL)
    until(lambda: world.pids()["engine"] not in (None, before["engine"]))
    assert time.monotonic() - killed < 1.0
    assert world.pids()["agent"] == before["agent"]


def test_cells_are_adopted_and_not_restarted_when_the_control_plane_starts_anew(world: World) -> None:
    world.insert()
    world.settle()
    before = world.pids()
    until(lambda: dict(ProcessProvisioner(world.cells).observe("demo").processes) == before)  # locks are held
    world.crash()
    world.boot()
    world.reconciler.tick()
    world.reconciler.tick()
    assert world.pids() == before


def test_row_home_and_processes_go_when_an_environment_is_deleted(world: World) -> None:
    world.insert()
    world.settle()
    pids = [pid for pid in world.pids().values() if pid]
    with world.database.begin() as connection:
        assert environments.transition(connection, "demo", [Status.AVAILABLE], Status.DELETING, time.time())
    world.reconciler.wake()
    until(lambda: world.find() is None)
    assert not (world.cells / "demo").exists()
    loop = world.reconciler
    until(lambda: not (loop._starts or loop._not_before or loop._keys_seen or loop._busy))
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_name_created_again_starts_with_an_empty_home_when_the_old_cell_was_left_behind(
    world: World,
) -> None:
    relic = world.cells / "demo" / "db" / "metadata.db"
    relic.parent.mkdir(parents=True)
    relic.write_text("of another life")
    (world.cells / "demo" / "uid").write_text("f" * 32)
    world.insert()
    assert world.settle().status is Status.AVAILABLE
    assert not relic.exists()


def s3_of(world: World) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=world.s3_url,
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",
    )


def test_requirements_are_installed_first_and_kept_when_an_environment_names_them(world: World) -> None:
    s3 = s3_of(world)
    s3.put_object(Bucket="code", Key="good.txt", Body=b"toy==1.0\n")
    world.insert(RequirementsS3Path="good.txt")
    row = world.settle()
    assert (row.status, row.last_update.source) == (Status.AVAILABLE, None)
    steps = [step["step"] for step in Journal(world.home / "steps").read("demo")]
    assert steps.index("installing") < steps.index("starting engine and agent")
    assert (
        s3.get_object(Bucket="code", Key="logs/demo/Worker/requirements_install.log")["Body"].read()
        == b"installing\n"
    )
    world.crash()  # nobody follows what is uploaded now
    s3.put_object(Bucket="code", Key="good.txt", Body=b"broken\n")
    for pid in world.pids().values():
        os.kill(pid or 0, signal.SIGKILL)
    world.boot()
    until(lambda: all(world.pids().values()))
    assert world.equipment()["requirements"] == "toy==1.0\n", "what it was made with"


def test_newer_requirements_are_applied_while_the_environment_stays_available(world: World) -> None:
    s3 = s3_of(world)
    s3.put_object(Bucket="code", Key="good.txt", Body=b"toy==1.0\n")
    world.insert(RequirementsS3Path="good.txt")
    world.settle()
    pids, revision = world.pids(), world.cell_spec()["revision"]
    s3.put_object(Bucket="code", Key="good.txt", Body=b"toy==2.0\n")
    until(lambda: world.found().last_update.source == "requirements.txt: the newest is in force")
    row = world.found()
    assert (row.status, row.last_update.status) == (Status.AVAILABLE, "SUCCESS")
    assert world.equipment()["requirements"] == "toy==2.0\n"
    assert world.cell_spec()["revision"] == revision, "the same interpreter: the cell has nothing to take up"
    assert world.pids() == pids, "nothing was restarted"


def test_newer_requirements_that_cannot_be_installed_leave_all_as_it_was_and_say_why(world: World) -> None:
    s3 = s3_of(world)
    s3.put_object(Bucket="code", Key="good.txt", Body=b"toy==1.0\n")
    world.insert(RequirementsS3Path="good.txt")
    world.settle()
    spec, equipment = world.cell_spec(), world.equipment()
    s3.put_object(Bucket="code", Key="good.txt", Body=b"broken\n")
    until(lambda: world.found().last_update.status == "FAILED")
    row = world.found()
    assert row.status is Status.AVAILABLE
    assert str(row.last_update.error_message).startswith("cannot install the requirements; uv says:\nbecause")
    assert str(row.last_update.error_message).endswith("Mend requirements.txt, then upload it again")
    assert (world.cell_spec(), world.equipment()) == (spec, equipment)
    newest = json.loads((world.cells / "demo" / "newest.json").read_text())
    assert newest["sources"] == newest["refused"] != equipment["sources"]
    with world.database.begin() as connection:
        options = {**row.spec["AirflowConfigurationOptions"], "x.y": "z"}
        wanted = cast(EnvironmentSpec, {**row.spec, "AirflowConfigurationOptions": options})
        pending = LastUpdate("PENDING", time.time())
        assert environments.put_wanted(connection, "demo", wanted, "GRACEFUL", pending)
    world.reconciler.wake()
    until(lambda: world.found().last_update.status == "SUCCESS")
    assert (world.cell_spec()["config"], world.equipment()) == ({"x.y": "z"}, equipment), (
        "an update of something else"
    )
    s3.put_object(Bucket="code", Key="good.txt", Body=b"toy==3.0\n")
    until(lambda: world.found().last_update.source == "requirements.txt: the newest is in force")
    assert world.equipment()["requirements"] == "toy==3.0\n"


def test_a_refresh_that_the_disk_has_no_room_for_says_so_and_rests_a_while(world: World) -> None:
    s3 = s3_of(world)
    s3.put_object(Bucket="code", Key="good.txt", Body=b"toy==1.0\n")
    world.insert(RequirementsS3Path="good.txt")
    world.settle()
    spec, equipment = world.cell_spec(), world.equipment()
    s3.put_object(Bucket="code", Key="good.txt", Body=b"heavy\n")
    until(lambda: world.found().last_update.status == "FAILED")
    row = world.found()
    assert (row.status, row.last_update.error_code) == (Status.AVAILABLE, "INTERNAL_ERROR")
    words = str(row.last_update.error_message)
    assert words.startswith("cannot apply newer requirements.txt: [Errno 28] No space left on device")
    assert (world.cell_spec(), world.equipment()) == (spec, equipment)
    newest = find_newest(world.cells / "demo")
    applied = {"RequirementsS3Path": Source(**equipment["sources"]["RequirementsS3Path"])}
    assert list_due(newest, applied, newest.refused_at + RETRY_SECONDS - 1) == []
    assert list_due(newest, applied, newest.refused_at + RETRY_SECONDS) == ["RequirementsS3Path"]


def test_a_refresh_gives_way_to_its_owners_delete(world: World) -> None:
    s3 = s3_of(world)
    s3.put_object(Bucket="code", Key="good.txt", Body=b"toy==1.0\n")
    world.insert(RequirementsS3Path="good.txt")
    world.settle()
    s3.put_object(Bucket="code", Key="good.txt", Body=b"slow\n")
    until(lambda: world.found().last_update.source == "installing")
    with world.database.begin() as connection:
        assert environments.transition(connection, "demo", [Status.AVAILABLE], Status.DELETING, time.time())
    until(lambda: world.find() is None)


def test_creation_fails_with_the_installers_words_when_requirements_are_broken(world: World) -> None:
    s3 = s3_of(world)
    s3.put_object(Bucket="code", Key="bad.txt", Body=b"broken\n")
    world.insert(RequirementsS3Path="bad.txt")
    row = world.settle()
    assert row.status is Status.CREATE_FAILED
    assert row.last_update.error_code == "INCORRECT_CONFIGURATION"
    words = str(row.last_update.error_message)
    assert words.startswith("cannot install the requirements; uv says:\nbecause because")
    assert len(words) <= 1024
    place = "logs/demo/Worker/requirements_install.log"
    assert words.endswith(f"\nThe whole log: s3://code/{place}\nMend requirements.txt, then create it again")
    whole = s3.get_object(Bucket="code", Key=place)["Body"].read().decode()
    assert whole.count("because") == 200
    assert not any(world.pids().values())


def test_creation_fails_naming_the_version_when_the_bucket_does_not_have_it(world: World) -> None:
    s3_of(world).put_object(Bucket="code", Key="good.txt", Body=b"toy==1.0\n")
    world.insert(RequirementsS3Path="good.txt", RequirementsS3ObjectVersion="nobody-has-it")
    row = world.settle()
    assert row.status is Status.CREATE_FAILED
    assert (
        "s3://code/good.txt: there is no such version of it; upload the file or correct"
        " RequirementsS3ObjectVersion" in str(row.last_update.error_message)
    )


def test_the_install_is_shown_called_off_and_taken_up_when_the_service_stops_meanwhile(world: World) -> None:
    s3_of(world).put_object(Bucket="code", Key="slow.txt", Body=b"slow\n")
    world.insert(RequirementsS3Path="slow.txt")

    def find_source() -> str | None:
        row = world.find()
        return row.last_update.source if row else None

    until(lambda: find_source() == "installing")
    row = world.find()
    assert row is not None and (row.status, row.last_update.status) == (Status.CREATING, "PENDING")
    world.crash()
    world.boot()
    world.interpreters.go_on.set()
    assert world.settle().status is Status.AVAILABLE


@dataclass
class NumberedKeys:
    """The first keys of a cell must be renewed, whoever issued them; the second are good."""

    access: ObjectStoreAccess

    def issue(self, environment: Environment, told: CellSpec | None) -> KeyRing:
        name = "key-1" if told is None else "key-2"
        mine = replace(self.access, access_key_id=name)
        return KeyRing(mine, mine, {"AWS_ACCESS_KEY_ID": name}, time.time() + 60)

    def revoke(self, told: CellSpec) -> None:
        """They are good for nothing."""

    def is_due(self, environment: Environment, told: CellSpec) -> bool:
        return told.source.access_key_id != "key-2"


def test_a_living_cell_is_told_new_keys_when_its_own_end_soon(world: World) -> None:
    world.crash()
    world.boot(NumberedKeys(ObjectStoreAccess(world.s3_url, "us-east-1", "k", "s")))
    world.insert()
    world.settle()
    pids = world.pids()
    until(lambda: wire.read(world.cells / "demo" / "cell.json").source.access_key_id == "key-2")
    spec = wire.read(world.cells / "demo" / "cell.json")
    assert (spec.logs.access_key_id, spec.identity) == ("key-2", {"AWS_ACCESS_KEY_ID": "key-2"})
    assert spec.revision == 2
    assert world.pids() == pids


def test_keys_are_renewed_when_the_last_update_has_failed_and_a_process_is_dead(world: World) -> None:
    world.insert()
    world.settle()
    world.crash()
    agent = world.pids()["agent"]
    assert agent is not None
    os.kill(agent, signal.SIGKILL)
    until(lambda: world.provisioner.observe("demo").processes["agent"] is None)
    with world.database.begin() as connection:
        for source, target in ((Status.AVAILABLE, Status.UPDATING), (Status.UPDATING, Status.UPDATE_FAILED)):
            assert environments.transition(connection, "demo", [source], target, time.time())
    world.boot(NumberedKeys(ObjectStoreAccess(world.s3_url, "us-east-1", "k", "s")))
    until(lambda: wire.read(world.cells / "demo" / "cell.json").source.access_key_id == "key-2")
    assert world.found().status is Status.UPDATE_FAILED
