"""What an environment may in the embedded object store: temporary keys of its own, limited to its execution role.

Two sessions for each environment. The first is that of its execution role: DAG files are read with it, and tasks
see it. Where that role is one of ours its policies decide; where it is not there, `default_policy` does. The second
writes logs and values that are too large for the database, below logs/<environment>/ only; user code never sees it.
Both are renewed long before they end, and end at once with the environment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from control_plane.domain.environment import Environment
from control_plane.store import keys, policies, principals
from control_plane.store.database import ServiceDatabase
from control_plane.store.keys import Credentials
from control_plane.store.principals import Principal
from control_plane.store.vault import Vault

LIFETIME = 7 * 86400.0
RENEWED_AFTER = 86400.0
SERVICE_ROLE = "AWSServiceRoleForAmazonMWAA"
_PATH = "/aws-service-role/airflow.amazonaws.com/"
_POLICY = "AmazonMWAAServiceRolePolicy"
_READ = ["s3:GetObject*", "s3:GetBucket*", "s3:ListBucket*"]
_WRITE = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]


@dataclass(frozen=True, slots=True)
class CellAccess:
    """The keys of one environment."""

    role: Credentials
    logs: Credentials
    expires_at: float


@dataclass(frozen=True, slots=True)
class CellKeys:
    """Issues them."""

    db: ServiceDatabase
    vault: Vault
    account: str
    clock: Callable[[], float]

    def issue(self, environment: Environment) -> CellAccess:
        """New keys. Older ones stay good until they end: processes may hold them."""
        now = self.clock()
        with self.db.begin() as conn:
            service = ensure_service_role(conn, self.vault, self.account, now)
            role = principals.find_by_arn(conn, environment.spec["ExecutionRoleArn"])
            name = environment.spec["ExecutionRoleArn"].rpartition("/")[2]
            limit = None if role is not None else [json.dumps(default_policy(environment))]
            first = self._open(conn, environment, role or service, name, limit, now)
            logs = [json.dumps(logs_policy(environment))]
            second = self._open(conn, environment, service, SERVICE_ROLE, logs, now)
        return CellAccess(first, second, now + LIFETIME)

    def are_good(self, access_key_ids: Iterable[str], environment: Environment) -> bool:
        """Whether keys exist still, and are for the bucket and the role that the environment names now."""
        with self.db.read() as conn:
            found = [keys.find_key(conn, self.vault, one) for one in access_key_ids]
            role = principals.find_by_arn(conn, environment.spec["ExecutionRoleArn"])
        owners = [SERVICE_ROLE if role is None else role.name, SERVICE_ROLE]
        return len(found) == 2 and all(
            key is not None
            and key.principal.name == owner
            and key.session.get("about") == _about(environment)
            for key, owner in zip(found, owners, strict=True)
        )

    def revoke(self, access_key_ids: Iterable[str]) -> None:
        """End them now."""
        with self.db.begin() as conn:
            for one in access_key_ids:
                keys.end_session(conn, one)

    def _open(
        self,
        conn: Connection,
        environment: Environment,
        owner: Principal,
        role: str,
        limits: list[str] | None,
        now: float,
    ) -> Credentials:
        name = f"AmazonMWAA-{environment.name}"[:64]
        arn = f"arn:aws:sts::{self.account}:assumed-role/{role}/{name}"
        session = {"arn": arn, "name": name, "policies": limits, "about": _about(environment)}
        return keys.create_session(conn, self.vault, owner, session, now, now + LIFETIME)


def needs_renewal(expires_at: float, now: float) -> bool:
    """Whether keys that end then have been used up far enough."""
    return now >= expires_at - LIFETIME + RENEWED_AFTER


def ensure_service_role(conn: Connection, vault: Vault, account: str, now: float) -> Principal:
    """The role that the service itself acts as, made when it is not there; with the rights it must have."""
    role = principals.find(conn, "role", SERVICE_ROLE)
    if role is None:
        role = principals.make("role", account, SERVICE_ROLE, now, _PATH)
        principals.insert(conn, role)
    policies.put_inline(conn, role.id, _POLICY, json.dumps(_document([[*_READ, *_WRITE], ["*"]])))
    return role


def service_credentials(conn: Connection, vault: Vault, account: str, now: float) -> Credentials:
    """What the service itself reads buckets with: a key that is replaced whenever it starts."""
    role = ensure_service_role(conn, vault, account, now)
    for old in keys.list_keys(conn, role.id):
        keys.delete_key(conn, role.id, old.access_key_id)
    return keys.create_key(conn, vault, role.id, now)


def default_policy(environment: Environment) -> dict[str, object]:
    """Of a role that is not in our IAM: read the environment's bucket, write below xcom/<environment>/."""
    bucket = environment.spec["SourceBucketArn"]
    return _document(
        [_READ, [bucket, f"{bucket}/*"]],
        [_WRITE, [f"{bucket}/xcom/{environment.name}/*"]],
    )


def logs_policy(environment: Environment) -> dict[str, object]:
    """Of the environment's logs."""
    bucket, prefix = environment.spec["SourceBucketArn"], f"logs/{environment.name}"
    return _document(
        [["s3:ListBucket", "s3:GetBucketLocation"], [bucket]],
        [["s3:GetObject", *_WRITE], [f"{bucket}/{prefix}/*"]],
    )


def _about(environment: Environment) -> str:
    """What keys are for: that and no other environment of the same name."""
    spec = environment.spec
    return f"{environment.uid} {spec['SourceBucketArn']} {spec['ExecutionRoleArn']}"


def _document(*allowed: list[list[str]]) -> dict[str, object]:
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": resources} for actions, resources in allowed
    ]
    return {"Version": "2012-10-17", "Statement": statements}
