"""Users, roles and groups of users. Names are unique within a kind, whatever their case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection, Row, func, select
from sqlalchemy.exc import IntegrityError

from control_plane.store.ids import make_id
from control_plane.store.schema import access_key, attachment, inline_policy, membership
from control_plane.store.schema import principal as table

Kind = Literal["user", "role", "group"]
_PREFIXES = {"user": "AIDA", "role": "AROA", "group": "AGPA"}


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, a role or a group."""

    id: str
    kind: Kind
    name: str
    arn: str
    created_at: float
    path: str = "/"
    boundary: str | None = None
    trust: str | None = None
    """JSON of a role's trust policy."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Description, MaxSessionDuration, Tags ({key: value})."""


def make(kind: Kind, account: str, name: str, now: float, path: str = "/") -> Principal:
    """A new principal, not kept yet."""
    return Principal(
        make_id(_PREFIXES[kind]), kind, name, f"arn:aws:iam::{account}:{kind}{path}{name}", now, path
    )


def insert(conn: Connection, principal: Principal) -> bool:
    """Keep a new principal. False when the name or the ARN is taken."""
    row = {key: getattr(principal, key) for key in Principal.__slots__}
    try:
        with conn.begin_nested():
            conn.execute(sa.insert(table).values(**{**row, "details": json.dumps(dict(principal.details))}))
    except IntegrityError:
        return False
    return True


def find(conn: Connection, kind: Kind, name: str) -> Principal | None:
    """The user or role of that name, in any case."""
    return _first(conn, table.c.kind == kind, func.lower(table.c.name) == name.lower())


def find_by_id(conn: Connection, identity: str) -> Principal | None:
    """The principal of that id."""
    return _first(conn, table.c.id == identity)


def find_by_arn(conn: Connection, arn: str) -> Principal | None:
    """The principal of that ARN."""
    return _first(conn, table.c.arn == arn)


def list_page(conn: Connection, kind: Kind, prefix: str, after: str, limit: int) -> list[Principal]:
    """Up to `limit` of a kind below a path, whose names come after `after`, by name."""
    query = (
        select(table)
        .where(table.c.kind == kind, table.c.name > after, table.c.path.startswith(prefix, autoescape=True))
        .order_by(table.c.name)
        .limit(limit)
    )
    return [from_row(row) for row in conn.execute(query)]


def count(conn: Connection, kind: Kind) -> int:
    """How many there are."""
    return conn.execute(select(func.count()).where(table.c.kind == kind)).scalar_one()


def set_boundary(conn: Connection, identity: str, policy_arn: str | None) -> None:
    """Limit a principal, or lift its limit."""
    conn.execute(sa.update(table).where(table.c.id == identity).values(boundary=policy_arn))


def set_trust(conn: Connection, identity: str, document: str) -> None:
    """Who may assume a role from now on."""
    conn.execute(sa.update(table).where(table.c.id == identity).values(trust=document))


def rename(conn: Connection, principal: Principal, account: str, name: str, path: str) -> bool:
    """Another name and path, which make another ARN; the id stays. False when the name or the ARN is taken."""
    values = {"name": name, "path": path, "arn": f"arn:aws:iam::{account}:{principal.kind}{path}{name}"}
    try:
        with conn.begin_nested():
            conn.execute(sa.update(table).where(table.c.id == principal.id).values(**values))
    except IntegrityError:
        return False
    return True


def set_details(conn: Connection, principal: Principal, **changed: Any) -> None:
    """Put other values in place of some of a principal's details."""
    details = json.dumps({**principal.details, **changed})
    conn.execute(sa.update(table).where(table.c.id == principal.id).values(details=details))


def set_tags(conn: Connection, principal: Principal, tags: Mapping[str, str]) -> None:
    """Put other tags in place of a principal's."""
    set_details(conn, principal, Tags=dict(tags))


def find_hold(conn: Connection, principal: Principal) -> str | None:
    """What keeps a principal from being deleted, in AWS's words."""
    holds: list[tuple[sa.Table, Any, str]] = [
        (inline_policy, sa.true(), "must delete policies first."),
        (attachment, sa.true(), "must detach all policies first."),
    ]
    if principal.kind == "user":
        holds.insert(0, (access_key, access_key.c.token_hash.is_(None), "must delete access keys first."))
    for held, kind, words in holds:
        if conn.execute(select(func.count()).where(held.c.principal_id == principal.id, kind)).scalar_one():
            return f"Cannot delete entity, {words}"
    if list_members(conn, principal.id) or list_groups(conn, principal.id):
        return "Cannot delete entity, must remove users from group first."
    return None


def add_member(conn: Connection, user_id: str, group_id: str) -> None:
    """Put a user into a group. Idempotent."""
    if all(one.id != user_id for one in list_members(conn, group_id)):
        conn.execute(sa.insert(membership).values(user_id=user_id, group_id=group_id))


def remove_member(conn: Connection, user_id: str, group_id: str) -> bool:
    """Take a user out of a group. False when it was not in it."""
    where = (membership.c.user_id == user_id, membership.c.group_id == group_id)
    return bool(conn.execute(sa.delete(membership).where(*where)).rowcount)


def list_members(conn: Connection, group_id: str) -> list[Principal]:
    """The users of a group, by name."""
    inside = select(membership.c.user_id).where(membership.c.group_id == group_id)
    return _list_in(conn, inside)


def list_groups(conn: Connection, user_id: str) -> list[Principal]:
    """The groups of a user, by name."""
    return _list_in(conn, select(membership.c.group_id).where(membership.c.user_id == user_id))


def _list_in(conn: Connection, ids: Any) -> list[Principal]:
    rows = conn.execute(select(table).where(table.c.id.in_(ids)))
    return sorted((from_row(row) for row in rows), key=lambda one: one.name)


def delete(conn: Connection, identity: str) -> None:
    """Forget a principal that nothing holds, and end its sessions."""
    conn.execute(sa.delete(access_key).where(access_key.c.principal_id == identity))
    conn.execute(sa.delete(table).where(table.c.id == identity))


def _first(conn: Connection, *where: Any) -> Principal | None:
    row = conn.execute(select(table).where(*where)).first()
    return None if row is None else from_row(row)


def from_row(row: Row[Any], prefix: str = "") -> Principal:
    """The principal in a row whose columns may be named with a prefix."""
    values = {key: getattr(row, prefix + key) for key in Principal.__slots__}
    return Principal(**{**values, "details": json.loads(values["details"])})
