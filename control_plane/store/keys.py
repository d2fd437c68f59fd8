"""Access keys, permanent and temporary. Secrets are sealed; a session's token is kept as a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from control_plane.store import policies, principals
from control_plane.store.ids import make_key_id, make_secret
from control_plane.store.principals import Principal
from control_plane.store.schema import access_key, principal
from control_plane.store.vault import Vault

ADMIN_NAME = "admin"
ADMIN_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"


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
    principal: Principal
    active: bool
    token_hash: str | None = None
    """sha256 (hex) of the session token; None for a permanent key."""
    expires_at: float | None = None
    created_at: float = 0.0
    session: Mapping[str, Any] = field(default_factory=dict)
    """Of a temporary key: arn, name, policies (documents, or None for no limit)."""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """An access key without its secret."""

    access_key_id: str
    status: str
    created_at: float


def bootstrap_admin(conn: Connection, vault: Vault, account: str, now: float) -> Credentials:
    """The administrator's access key, made on the first call; may do everything, again after each call."""
    admin = principals.find(conn, "user", ADMIN_NAME)
    if admin is None:
        admin = principals.make("user", account, ADMIN_NAME, now)
        principals.insert(conn, admin)
    policies.attach(conn, admin.id, ADMIN_POLICY)
    query = (
        select(access_key)
        .where(
            access_key.c.principal_id == admin.id,
            access_key.c.status == "Active",
            access_key.c.token_hash.is_(None),
        )
        .order_by(access_key.c.created_at, access_key.c.id)
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    if row is not None:
        return Credentials(row.id, vault.open(row.secret))
    return create_key(conn, vault, admin.id, now)


def create_key(conn: Connection, vault: Vault, principal_id: str, now: float) -> Credentials:
    """A new permanent access key for a principal; the only moment its secret is handed out unasked."""
    made = Credentials(make_key_id("AKIA"), make_secret())
    _insert(conn, vault, principal_id, made, now)
    return made


def create_session(
    conn: Connection,
    vault: Vault,
    owner: Principal,
    session: Mapping[str, Any],
    now: float,
    expires_at: float,
) -> Credentials:
    """A temporary key with its token; forgets those of everybody that expired a day ago."""
    conn.execute(delete(access_key).where(access_key.c.expires_at < now - 86400))
    made = Credentials(make_key_id("ASIA"), make_secret(), make_secret(160))
    _insert(conn, vault, owner.id, made, now, expires_at=expires_at, session=json.dumps(dict(session)))
    return made


def find_key(conn: Connection, vault: Vault, access_key_id: str) -> Key | None:
    """The access key of that id, active or not."""
    owner = [column.label(f"owner_{column.name}") for column in principal.c]
    query = select(access_key, *owner).join(principal).where(access_key.c.id == access_key_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    return Key(
        access_key_id=row.id,
        secret=vault.open(row.secret),
        principal=principals.from_row(row, "owner_"),
        active=row.status == "Active",
        token_hash=row.token_hash,
        expires_at=row.expires_at,
        created_at=row.created_at,
        session=json.loads(row.session or "{}"),
    )


def list_keys(conn: Connection, principal_id: str) -> list[KeyInfo]:
    """A principal's permanent keys, oldest first."""
    query = select(access_key.c.id, access_key.c.status, access_key.c.created_at).where(
        access_key.c.principal_id == principal_id, access_key.c.token_hash.is_(None)
    )
    return sorted(
        (KeyInfo(*row) for row in conn.execute(query)), key=lambda key: (key.created_at, key.access_key_id)
    )


def set_status(conn: Connection, principal_id: str, access_key_id: str, status: str) -> bool:
    """Make a permanent key Active or Inactive. False when the principal has no such key."""
    changed = update(access_key).where(*_permanent(principal_id, access_key_id)).values(status=status)
    return bool(conn.execute(changed).rowcount)


def delete_key(conn: Connection, principal_id: str, access_key_id: str) -> bool:
    """Forget a permanent key. False when the principal has no such key."""
    return bool(conn.execute(delete(access_key).where(*_permanent(principal_id, access_key_id))).rowcount)


def end_session(conn: Connection, access_key_id: str) -> None:
    """Forget a temporary key. One that is not there is no error."""
    conn.execute(
        delete(access_key).where(access_key.c.id == access_key_id, access_key.c.token_hash.is_not(None))
    )


def _permanent(principal_id: str, access_key_id: str) -> tuple[Any, ...]:
    return (
        access_key.c.principal_id == principal_id,
        access_key.c.id == access_key_id,
        access_key.c.token_hash.is_(None),
    )


def _insert(
    conn: Connection, vault: Vault, principal_id: str, made: Credentials, now: float, **more: Any
) -> None:
    token = made.session_token
    conn.execute(
        insert(access_key).values(
            id=made.access_key_id,
            principal_id=principal_id,
            secret=vault.seal(made.secret_access_key),
            status="Active",
            created_at=now,
            token_hash=None if token is None else hashlib.sha256(token.encode()).hexdigest(),
            **more,
        )
    )
