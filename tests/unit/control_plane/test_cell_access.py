"""An environment's keys in the embedded store: whose they are, what they may, when they are made anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control_plane.domain.defaults import fill
from control_plane.domain.environment import Environment, LastUpdate, arn
from control_plane.domain.status import Status
from control_plane.iam.authorize import decide
from control_plane.operations.access import PolicyReader, make_caller
from control_plane.operations.cell_access import LIFETIME, SERVICE_ROLE, CellAccess, CellKeys
from control_plane.store import policies, principals
from control_plane.store.keys import Credentials, find_key
from control_plane.store.opening import open_prepared
from control_plane.store.vault import open_vault

ACCOUNT, ROLE = "123456789012", "arn:aws:iam::123456789012:role/etl"


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[CellKeys]:
    db = open_prepared(f"sqlite:///{tmp_path / 'service.db'}")
    yield CellKeys(db, open_vault(tmp_path / "master.key"), ACCOUNT, lambda: 1000.0)
    db.close()


def environment(**more: Any) -> Environment:
    given = {
        "SourceBucketArn": "arn:aws:s3:::code",
        "DagS3Path": "dags",
        "ExecutionRoleArn": ROLE,
        "NetworkConfiguration": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
        **more,
    }
    spec = fill(given)
    where = arn("us-east-1", ACCOUNT, "demo")
    last = LastUpdate("SUCCESS", 0.0)
    return Environment("demo", "uid-1", where, Status.AVAILABLE, 0.0, spec, 1, 0.0, last, "h")


def may(issuer: CellKeys, keys: Credentials, action: str, path: str) -> bool:
    with issuer.db.read() as conn:
        key = find_key(conn, issuer.vault, keys.access_key_id)
        assert key is not None and key.expires_at == 1000.0 + LIFETIME
        caller = make_caller(conn, PolicyReader(), key)
    return decide(caller, action, [f"arn:aws:s3:::{path}"], {}).allowed


def ids(access: CellAccess) -> list[str]:
    return [access.role.access_key_id, access.logs.access_key_id]


def test_a_role_that_is_not_there_reads_the_bucket_and_writes_xcoms_only(issuer: CellKeys) -> None:
    made = issuer.issue(environment())
    allowed = {
        ("s3:GetObject", "code/dags/a.py"),
        ("s3:ListBucket", "code"),
        ("s3:PutObject", "code/xcom/demo/x"),
    }
    refused = {
        ("s3:PutObject", "code/dags/a.py"),
        ("s3:PutObject", "code/logs/demo/x"),
        ("s3:PutObject", "code/xcom/other/x"),
        ("s3:GetObject", "other/x"),
        ("s3:DeleteBucket", "code"),
        ("s3:PutBucketPolicy", "code"),
    }
    assert {one for one in allowed | refused if may(issuer, made.role, *one)} == allowed


def test_logs_have_keys_of_their_own_that_reach_nothing_else(issuer: CellKeys) -> None:
    made = issuer.issue(environment())
    assert may(issuer, made.logs, "s3:PutObject", "code/logs/demo/dag_id=a/x")
    assert may(issuer, made.logs, "s3:ListBucket", "code")
    for action, path in (("s3:GetObject", "code/dags/a.py"), ("s3:PutObject", "code/logs/demo2/x")):
        assert not may(issuer, made.logs, action, path)


def test_a_role_of_ours_decides_by_its_policies_as_they_are_now(issuer: CellKeys) -> None:
    with issuer.db.begin() as conn:
        role = principals.make("role", ACCOUNT, "etl", 0.0)
        principals.insert(conn, role)
    made = issuer.issue(environment())
    assert not may(issuer, made.role, "s3:GetObject", "code/dags/a.py")
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::data/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with issuer.db.begin() as conn:
        policies.put_inline(conn, role.id, "own", document)
    assert may(issuer, made.role, "s3:PutObject", "data/x")
    assert not may(issuer, made.role, "s3:PutObject", "code/xcom/demo/x")


def test_keys_are_good_for_one_environment_bucket_and_role(issuer: CellKeys) -> None:
    one = environment()
    made = issuer.issue(one)
    assert issuer.are_good(ids(made), one)
    assert not issuer.are_good(ids(made), replace(one, uid="uid-2"))
    assert not issuer.are_good(ids(made), environment(SourceBucketArn="arn:aws:s3:::other"))
    assert not issuer.are_good(ids(made)[:1], one)
    with issuer.db.begin() as conn:
        principals.insert(conn, principals.make("role", ACCOUNT, "etl", 0.0))
    assert not issuer.are_good(ids(made), one)  # the role is there now: its policies decide
    again = issuer.issue(one)
    assert issuer.are_good(ids(again), one)
    issuer.revoke(ids(again))
    assert not issuer.are_good(ids(again), one)


def test_the_services_own_role_is_made_once_and_can_administer_nothing(issuer: CellKeys) -> None:
    issuer.issue(environment())
    issuer.issue(environment())
    with issuer.db.read() as conn:
        role = principals.find(conn, "role", SERVICE_ROLE)
        assert role is not None
        texts = policies.list_inline(conn, role.id).values()
    assert all("s3:*" not in text and "iam:" not in text for text in texts)
