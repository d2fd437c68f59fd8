"""Principals and their access keys."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select

from control_plane.store.schema import access_key, principal
from control_plane.store.vault import Vault

ADMIN_NAME = "admin"
_BASE32 = string.ascii_uppercase + "234567"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client signs with."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """An access key with all that verifying a signature needs."""

    access_key_id: str
    secret: str = field(repr=False)
    principal_arn: str
    active: bool
    token_hash: str | None = None
    """sha256 (hex) of the session token; None for a permanent key."""
    expires_at: float | None = None


def bootstrap_admin(conn: Connection, vault: Vault, account: str, now: float) -> Credentials:
    """The administrator's access key, made on the first call. Idempotent."""
    arn = f"arn:aws:iam::{account}:user/{ADMIN_NAME}"
    query = (
        select(access_key.c.id, access_key.c.secret)
        .join(principal)
        .where(
            principal.c.name == ADMIN_NAME, access_key.c.status == "Active", access_key.c.token_hash.is_(None)
        )
        .order_by(access_key.c.created_at, access_key.c.id)
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    if row is not None:
        return Credentials(row.id, vault.open(row.secret))
    found = conn.execute(select(principal.c.id).where(principal.c.name == ADMIN_NAME)).scalar()
    return create_key(conn, vault, found or create_principal(conn, ADMIN_NAME, arn, now), now)


def create_principal(conn: Connection, name: str, arn: str, now: float) -> str:
    """Keep a new principal; returns its id."""
    identity = secrets.token_hex(16)
    conn.execute(insert(principal).values(id=identity, arn=arn, name=name, created_at=now))
    return identity


def create_key(conn: Connection, vault: Vault, principal_id: str, now: float) -> Credentials:
    """A new permanent access key for a principal; the only moment its secret is handed out unasked."""
    made = Credentials(
        "AKIA" + _random(_BASE32, 16), _random(string.ascii_letters + string.digits + "+/", 40)
    )
    conn.execute(
        insert(access_key).values(
            id=made.access_key_id,
            principal_id=principal_id,
            secret=vault.seal(made.secret_access_key),
            status="Active",
            created_at=now,
        )
    )
    return made


def find_key(conn: Connection, vault: Vault, access_key_id: str) -> Key | None:
    """The access key of that id, active or not."""
    query = (
        select(access_key, principal.c.arn.label("principal_arn"))
        .join(principal)
        .where(access_key.c.id == access_key_id)
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    return Key(
        access_key_id=row.id,
        secret=vault.open(row.secret),
        principal_arn=row.principal_arn,
        active=row.status == "Active",
        token_hash=row.token_hash,
        expires_at=row.expires_at,
    )


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
