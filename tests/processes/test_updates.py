"""Updates, pauses and their failures with real processes, S3 and database; the inside of the cell is a stand-in."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import Any, cast

import pytest
import sqlalchemy as sa
from airflow._wire.layout import Layout

from control_plane.domain.environment import Environment, LastUpdate, Strategy
from control_plane.domain.status import Status
from control_plane.reconcile.journal import Journal
from control_plane.store import environments
from tests.processes.test_reconciler import World, s3_of, s3_port, until, world

__all__ = ["s3_port", "world"]
S = Status
AT_WORK = (S.CREATING, S.UPDATING, S.CREATING_SNAPSHOT, S.ROLLING_BACK)


def ask(world: World, strategy: Strategy = "GRACEFUL", **members: Any) -> None:
    """What UpdateEnvironment leaves behind."""
    row = world.find()
    assert row is not None
    wanted = {key: value for key, value in {**row.spec, **members}.items() if value is not None}
    update = LastUpdate("PENDING", time.time(), source="UpdateEnvironment", strategy=strategy)
    with world.database.begin() as connection:
        assert environments.put_wanted(connection, "demo", cast(Any, wanted), strategy, update)
    world.reconciler.wake()


def settle(world: World, *others: Status) -> Environment:
    until(lambda: (row := world.find()) is not None and row.status not in (*AT_WORK, *others))
    row = world.find()
    assert row is not None and row.wanted is None
    return row


def cell_of(world: World) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((world.cells / "demo" / "cell.json").read_text())
    return found


@pytest.fixture
def made(world: World) -> World:
    world.insert(MaxWorkers=2)
    world.settle()
    until(lambda: all(world.pids().values()))
    return world


def test_a_change_of_settings_is_in_force_with_no_process_restarted(made: World) -> None:
    before, began = made.pids(), time.monotonic()
    ask(made, MaxWorkers=4, AirflowConfigurationOptions={"core.default_task_retries": "3"})
    row = settle(made)
    assert time.monotonic() - began < 3
    assert (row.status, row.generation, row.spec["MaxWorkers"]) == (S.AVAILABLE, 2, 4)
    assert row.last_update.status == "SUCCESS"
    assert row.last_update.source == "UpdateEnvironment: MaxWorkers, core.default_task_retries"
    told = cell_of(made)
    assert (told["revision"], told["slots"], told["max_workers"]) == (2, 20, 4)
    assert told["config"] == {"core.default_task_retries": "3"}
    assert made.pids() == before
    until(lambda: not (made.cells / "demo" / "before").exists())


def test_the_cell_hears_nothing_of_what_only_the_row_has(made: World) -> None:
    ask(made, WeeklyMaintenanceWindowStart="MON:01:00")
    row = settle(made)
    assert (row.status, row.spec["WeeklyMaintenanceWindowStart"]) == (S.AVAILABLE, "MON:01:00")
    assert cell_of(made)["revision"] == 1


def test_forced_ends_the_agent_once_and_leaves_the_engine(made: World) -> None:
    before = made.pids()
    ask(made, "FORCED", EnvironmentClass="mw1.medium")
    assert settle(made).status is S.AVAILABLE
    assert made.pids()["engine"] == before["engine"]
    assert made.pids()["agent"] not in (None, before["agent"])
    assert not (made.cells / "demo" / "run" / "ending").exists()


def test_a_version_change_copies_the_metadata_first(made: World) -> None:
    ask(made, AirflowVersion="2.10.3")
    row = settle(made)
    assert (row.status, row.spec["AirflowVersion"]) == (S.AVAILABLE, "2.10.3")
    assert cell_of(made)["airflow_version"] == "2.10.3"
    copies = list((made.cells / "demo" / "snapshots").iterdir())
    assert [path.name for path in copies] == ["1-3.3.1.db"]
    steps = [step["step"] for step in Journal(made.home / "steps").read("demo")]
    assert steps.index("copying the metadata") < steps.index("telling engine and agent")


def make_snapshots_fail(world: World) -> dict[str, Any]:
    (world.cells / "break-copies").touch()
    return {"AirflowVersion": "2.10.3"}


def name_broken_requirements(world: World) -> dict[str, Any]:
    s3_of(world).put_object(Bucket="code", Key="broken.txt", Body=b"broken\n")
    return {"RequirementsS3Path": "broken.txt"}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (make_snapshots_fail, "cannot save the metadata of demo: cannot copy the metadata: the disk is full"),
        (name_broken_requirements, "Mend requirements.txt, then update it again"),
        (
            lambda _: {"DagS3Path": "x", "SourceBucketArn": "arn:aws:s3:::nowhere"},
            "s3://nowhere/x: the bucket does not",
        ),
        (
            lambda _: {"PluginsS3Path": "p.zip"},
            "cannot read plugins.zip s3://code/p.zip: there is no such object",
        ),
        (
            lambda _: {"AirflowConfigurationOptions": {"core.executor": "broken"}},
            "there is no executor of that name",
        ),
    ],
    ids=["snapshot", "requirements", "bucket", "plugins", "engine"],
)
def test_a_failed_update_leaves_the_environment_as_it_was_and_says_why(
    made: World, members: Any, words: str
) -> None:
    agent, spec = made.pids()["agent"], made.find()
    ask(made, MaxWorkers=9, **members(made))
    row = settle(made)
    assert spec is not None and row.spec == spec.spec
    assert (row.status, row.generation) == (S.UPDATE_FAILED, 1)
    assert row.last_update.status == "FAILED" and words in str(row.last_update.error_message)
    until(lambda: all(made.pids().values()))
    assert made.pids()["agent"] == agent, "tasks of it live on"
    told = cell_of(made)
    assert (told["max_workers"], told["config"], told["airflow_version"]) == (2, {}, "3.3.1")
    ask(made, MaxWorkers=3)
    assert settle(made).status is S.AVAILABLE, "it can be updated again"


def test_an_environment_that_cannot_even_go_back_is_unavailable_until_it_can(made: World) -> None:
    (made.cells / "break-engines").touch()
    ask(made, AirflowConfigurationOptions={"core.executor": "broken"})
    row = settle(made)
    assert (row.status, row.last_update.status) == (S.UNAVAILABLE, "FAILED")
    assert "no executor of that name" in str(row.last_update.error_message) or "disk is full" in str(
        row.last_update.error_message
    )
    assert "former settings are not in force again" in str(row.last_update.error_message)
    (made.cells / "break-engines").unlink()
    row = settle(made, S.UNAVAILABLE)
    assert (row.status, row.last_update.status) == (S.AVAILABLE, "FAILED"), "what went wrong is not forgotten"
    assert cell_of(made)["config"] == {}


def test_what_dies_while_requirements_are_installed_is_started_again(made: World) -> None:
    s3_of(made).put_object(Bucket="code", Key="slow.txt", Body=b"slow\n")
    ask(made, RequirementsS3Path="slow.txt")
    until(lambda: "installing" in str((made.find() or pytest.fail()).last_update.source))
    engine = made.pids()["engine"]
    os.kill(engine or 0, signal.SIGKILL)
    until(lambda: made.pids()["engine"] not in (None, engine))
    row = made.find()
    assert row is not None and row.status is S.UPDATING
    made.interpreters.go_on.set()
    assert settle(made).status is S.AVAILABLE


def test_an_update_is_left_to_the_control_plane_of_the_active_engine(made: World) -> None:
    layout = Layout(made.cells / "demo")
    layout.standing_by.touch()
    layout.api_socket.unlink()
    ask(made, MaxWorkers=3)
    until(lambda: cell_of(made)["max_workers"] == 3)
    with made.database.begin() as connection:
        assert environments.apply_wanted(connection, "demo", time.time(), LastUpdate("SUCCESS", time.time()))
    until(lambda: not made.reconciler._is_busy("demo"), 3)
    layout.standing_by.unlink()
    os.kill(made.pids()["engine"] or 0, signal.SIGKILL)
    until(layout.api_socket.exists)
    ask(made, MaxWorkers=4)
    row = settle(made)
    assert (row.status, row.generation, row.spec["MaxWorkers"]) == (S.AVAILABLE, 3, 4)


def test_an_update_that_another_control_plane_has_ended_is_not_ended_again(made: World) -> None:
    s3_of(made).put_object(Bucket="code", Key="slow.txt", Body=b"slow, and then broken\n")
    ask(made, RequirementsS3Path="slow.txt")
    until(lambda: made.found().last_update.source == "installing")
    with made.database.begin() as connection:
        failed = LastUpdate("FAILED", time.time())
        environments.transition(connection, "demo", [S.UPDATING], S.ROLLING_BACK, time.time(), failed)
        environments.drop_wanted(
            connection,
            "demo",
            [S.ROLLING_BACK],
            S.UPDATE_FAILED,
            time.time(),
            LastUpdate("FAILED", time.time()),
        )
        assert environments.put_pause(connection, "demo", "FORCED", LastUpdate("PENDING", time.time()))
    made.interpreters.go_on.set()
    row = settle(made)
    assert (row.status, row.is_paused, row.last_update.status) == (S.UNAVAILABLE, True, "SUCCESS")


def test_a_cell_is_removed_when_another_control_plane_has_deleted_its_environment(made: World) -> None:
    with made.database.begin() as connection:
        connection.execute(sa.text("DELETE FROM environment WHERE name = 'demo'"))
    until(lambda: not (made.cells / "demo").exists())
    assert not any(made.pids().values())


def pause(world: World, strategy: Strategy = "GRACEFUL") -> None:
    with world.database.begin() as connection:
        assert environments.put_pause(connection, "demo", strategy, LastUpdate("PENDING", time.time()))
    world.reconciler.wake()


def resume(world: World) -> None:
    with world.database.begin() as connection:
        update = LastUpdate("PENDING", time.time(), source="resuming")
        assert environments.put_resume(connection, "demo", update)
    world.reconciler.wake()


def test_a_paused_environment_has_no_process_until_it_is_resumed(made: World) -> None:
    pause(made)
    row = settle(made)
    assert (row.status, row.last_update.status) == (S.UNAVAILABLE, "SUCCESS")
    assert "resume demo" in str(row.last_update.source)
    assert not any(made.pids().values())
    made.crash()
    made.boot()
    made.reconciler.tick()
    made.reconciler.tick()
    assert not any(made.pids().values()), "a new control plane leaves it so"
    resume(made)
    row = settle(made, S.UNAVAILABLE)
    assert (row.status, row.last_update.status) == (S.AVAILABLE, "SUCCESS")
    assert all(made.pids().values())
    assert cell_of(made)["draining"] is False


def test_a_pause_waits_for_running_tasks_until_the_owner_wants_no_waiting(made: World) -> None:
    running = made.cells / "demo" / "attempts" / ("a" * 32)
    running.touch()
    pause(made)
    until(lambda: cell_of(made)["draining"])
    assert all(made.pids().values())
    row = made.find()
    assert row is not None and row.status is S.UPDATING
    pause(made, "FORCED")
    assert settle(made).status is S.UNAVAILABLE
    assert not any(made.pids().values())


def test_an_update_wakes_a_paused_environment(made: World) -> None:
    pause(made)
    settle(made)
    ask(made, MaxWorkers=7)
    row = settle(made)
    assert (row.status, row.paused, row.spec["MaxWorkers"]) == (S.AVAILABLE, None, 7)
    assert all(made.pids().values())
    assert cell_of(made)["draining"] is False


def test_a_job_that_outlives_the_services_patience_starts_nothing_when_its_cells_were_stopped(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, go_on, stop = threading.Event(), threading.Event(), made.provisioner.stop

    def stop_slowly(name: str, grace: float, roles: tuple[str, ...] | None = None) -> None:
        stop(name, grace, roles)
        ending.set()
        assert go_on.wait(15)

    monkeypatch.setattr(made.provisioner, "stop", stop_slowly)
    ask(made, "FORCED", EnvironmentClass="mw1.medium")
    assert ending.wait(15), "the update has ended the agent and is about to start it again"
    job = made.reconciler._busy["demo"]
    made.reconciler.stop(0.1)
    stop("demo", 1)
    go_on.set()
    job.result(15)
    assert not any(made.pids().values())
    assert made.found().status is S.UPDATING, "the next service takes it up"
    monkeypatch.undo()
    made.boot()
    assert settle(made).status is S.AVAILABLE
