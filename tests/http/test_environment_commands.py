"""`aerodrome environments` against a running edge: a name is enough, progress is shown, failures say why."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from control_plane.commands.environments_client import Clients
from control_plane.commands.options import Endpoints
from control_plane.domain.status import Status
from control_plane.main import cli
from control_plane.settings import Paths
from control_plane.store import environments
from tests.http.serving import ACCOUNT, REGION, Server, finish

Run = Callable[..., Result]


@pytest.fixture
def run(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    paths = Paths(tmp_path / "home")
    paths.make()
    Endpoints(server.url, server.url, "http://127.0.0.1:1", REGION, "ca.pem").write(paths.endpoints)
    key = server.credentials
    secret = {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}
    paths.credentials.write_text(json.dumps(secret))
    made: set[str] = set()

    def ensure(_: Clients, bucket: str) -> bool:
        new = bucket not in made
        made.add(bucket)
        return new

    monkeypatch.setattr(Clients, "ensure_bucket", ensure)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["environments", *arguments, "--home", str(paths.home)])

    return invoke


@pytest.fixture
def reconciler(server: Server) -> Iterator[list[str]]:
    """Finishes whatever is under way, a moment after it was asked for; with the error in the list, if any."""
    stop, errors = threading.Event(), []

    def work() -> None:
        while not stop.wait(0.02):
            with server.db.begin() as conn:
                rows = environments.list_all(conn)
                for row in rows:
                    environments.put_progress(conn, row.name, "doing it")
            for row in rows:
                busy = row.status in (Status.CREATING, Status.UPDATING, Status.DELETING)
                if busy and time.time() - row.status_since > 0.3:
                    finish(server, row.name, errors[0] if errors else None)

    thread = threading.Thread(target=work)
    thread.start()
    yield errors
    stop.set()
    thread.join()


def test_name_is_enough_and_progress_is_shown(server: Server, run: Run, reconciler: list[str]) -> None:
    told = run("create", "My_env")
    assert told.exit_code == 0, told.output
    lines = told.output.splitlines()
    assert lines[0] == "made bucket aerodrome-my-env"
    assert "CREATING" in lines[1] and "AVAILABLE" in lines[-2]
    assert "doing it" in told.output
    assert lines[-1] == "DAGs go to s3://aerodrome-my-env/dags/, logs to s3://aerodrome-my-env/logs/My_env/"
    shown = json.loads(run("get", "My_env").output)
    assert shown["ExecutionRoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/My_env-execution"
    again = run("create", "My_env")
    assert (again.exit_code, "already exists" in again.output) == (1, True)
    assert run("delete", "My_env").output.splitlines()[-1].endswith("gone")
    assert "My_env" not in run("list").output


def test_update_changes_what_is_given_and_says_why_it_failed(
    server: Server, run: Run, reconciler: list[str]
) -> None:
    given = ["--bucket", "b", "--class", "mw1.medium", "--option", "core.a=1", "--option", "core.b=2"]
    assert run("create", "changed", *given, "--tag", "k=v").exit_code == 0
    changed = run("update", "changed", "--max-workers", "4", "--option", "core.a=", "--option", "core.c=3")
    assert changed.exit_code == 0, changed.output
    shown = json.loads(run("get", "changed").output)
    assert (shown["MaxWorkers"], shown["EnvironmentClass"], shown["Tags"]) == (4, "mw1.medium", {"k": "v"})
    assert shown["AirflowConfigurationOptions"] == {"core.b": "2", "core.c": "3"}
    assert shown["LastUpdate"]["WorkerReplacementStrategy"] == "GRACEFUL"
    assert "changed  AVAILABLE  mw1.medium  3.3.1  s3://b/dags" in run("list").output
    reconciler.append("cannot install nonesuch")
    failed = run("update", "changed", "--requirements", "r.txt", "--forced")
    assert (failed.exit_code, "cannot install nonesuch" in failed.output) == (1, True)
    assert run("wait", "changed").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["create", "x", "--option", "nothing"], 2, "write KEY=VALUE"),
        (["create", "1x"], 1, "'1x' at 'name'"),
        (["update", "nobody"], 1, "cannot update environment nobody: Environment nobody was not found"),
        (["delete", "nobody"], 1, "ResourceNotFoundException"),
    ],
)
def test_what_is_wrong_is_one_line(run: Run, arguments: list[str], status: int, words: str) -> None:
    told = run(*arguments)
    assert (told.exit_code, words in told.output) == (status, True), told.output
