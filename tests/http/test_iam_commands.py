"""`aerodrome iam` against a running edge: what a person types, and what the service then does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from control_plane.commands.options import Endpoints
from control_plane.main import cli
from control_plane.settings import Paths
from tests.http.serving import ACCOUNT, REGION, Server, refused

Run = Callable[..., Result]
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "airflow:List*", "Resource": "*"},
        {"Effect": "Allow", "Action": "airflow:Get*", "Resource": "*",
         "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
    ],
}  # fmt: skip


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Run:
    paths = Paths(tmp_path / "home")
    paths.make()
    database = f"sqlite:///{server.db.engine.url.database}"
    Endpoints(server.url, server.url, None, REGION, "ca.pem", database).write(paths.endpoints)
    key = server.credentials
    secret = {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}
    paths.credentials.write_text(json.dumps(secret))

    def invoke(*arguments: str, text: str | None = None) -> Result:
        return CliRunner().invoke(cli, ["iam", *arguments, "--home", str(paths.home)], input=text)

    return invoke


def test_user_with_a_policy_may_do_that_and_explain_says_why(server: Server, run: Run) -> None:
    made = run("user", "add", "carol", "--key")
    lines = dict(line.removeprefix("export ").split("=", 1) for line in made.output.splitlines())
    key: dict[str, Any] = {
        "aws_access_key_id": lines["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": lines["AWS_SECRET_ACCESS_KEY"],
    }
    refused(server.client(**key).list_environments)
    assert (
        run("policy", "put", "look", "-", "--user", "carol", text=json.dumps(POLICY, indent=1)).exit_code == 0
    )
    server.client(**key).list_environments()
    told = run("explain", "airflow:ListEnvironments", "--user", "carol")
    assert told.exit_code == 0
    assert "by user carol: allowed" in told.output
    assert "IAM Policy look, lines 4 to 8" in told.output
    refusal = run("explain", "airflow:GetEnvironment", "--user", "carol")
    assert refusal.exit_code == 1
    assert "aws:SourceIp, which was not given" in refusal.output
    given = ("--context", "aws:SourceIp=10.1.2.3")
    assert run("explain", "airflow:GetEnvironment", "--user", "carol", *given).exit_code == 0
    several = run("simulate", "--user", "carol", "--action", "airflow:ListX", "--action", "iam:GetUser")
    assert several.output.split() == ["allowed", "airflow:ListX", "*", "implicitDeny", "iam:GetUser", "*"]
    assert "carol" in run("user", "list").output
    assert run("user", "delete", "carol").exit_code == 0
    assert "carol" not in run("user", "list").output


def test_role_is_made_listed_and_deleted(run: Run) -> None:
    user = f"arn:aws:iam::{ACCOUNT}:user/admin"
    assert f"arn:aws:iam::{ACCOUNT}:role/ci" in run("role", "add", "ci", "--trust", user).output
    assert run("policy", "attach", "ReadOnlyAccess", "--role", "ci").exit_code == 0
    assert "role/ci  ReadOnlyAccess" in run("role", "list").output
    assert run("role", "delete", "ci").exit_code == 0


def test_refusals_are_one_line(run: Run) -> None:
    gone = run("user", "key", "nobody")
    assert gone.exit_code == 1
    assert gone.output == (
        "Error: cannot make a key for user nobody: The user with name nobody cannot be found. (NoSuchEntity)\n"
    )
    run("user", "add", "dave")
    bad = run("policy", "put", "p", "-", "--user", "dave", text="{}")
    assert "MalformedPolicyDocument" in bad.output
    assert run("explain", "a:b").exit_code == 2
    assert run("role", "add", "r").exit_code == 2


def test_audit_shows_who_what_and_why(server: Server, run: Run) -> None:
    run("user", "add", "erin")
    shown = run("audit").output.splitlines()[-1]
    admin = f"arn:aws:iam::{ACCOUNT}:user/admin"
    user = f"arn:aws:iam::{ACCOUNT}:user/erin"
    assert f"allow {admin} iam:CreateUser {user} (Path, UserName): allowed by identity-based" in shown
    denied = run("audit", "--denied").output.splitlines()
    assert denied
    assert all(" deny " in line for line in denied)


def test_audit_says_whether_it_is_as_it_was_written(server: Server, run: Run) -> None:
    url = f"sqlite:///{server.db.engine.url.database}"
    run("user", "add", "frank")
    told = run("audit", "--database", url, "--verify")
    assert told.exit_code == 0
    head = told.output.rpartition("head ")[2].strip()
    run("user", "add", "grace")
    assert run("audit", "--database", url, "--noted", head).exit_code == 0
    other = run("audit", "--database", url, "--noted", "0" * 64)
    assert (other.exit_code, "cut or rewritten" in other.output) == (1, True)
    last = json.loads(run("audit", "--database", url, "--format", "json").output.splitlines()[-1])
    assert (last["action"], last["detail"]) == ("iam:CreateUser", "Path, UserName")
    with server.db.begin() as conn:
        conn.execute(text("DROP TRIGGER audit_no_update"))
        conn.execute(text("UPDATE audit SET caller = 'nobody' WHERE id = 1"))
    broken = run("audit", "--database", url, "--verify")
    assert (broken.exit_code, "row 1 is not what was written" in broken.output) == (1, True)
