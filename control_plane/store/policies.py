"""Policies: managed ones with their attachments, and those written into one principal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError

from control_plane.store import policy_versions
from control_plane.store.policy_versions import Version
from control_plane.store.schema import attachment as attachments
from control_plane.store.schema import inline_policy as inlines
from control_plane.store.schema import membership, principal
from control_plane.store.schema import policy as table


@dataclass(frozen=True, slots=True)
class Managed:
    """A managed policy of the account."""

    arn: str
    id: str
    name: str
    path: str
    description: str | None
    document: str
    """Of the default version: what counts."""
    created_at: float
    default_version: int = 1
    latest_version: int = 1
    updated_at: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def insert(conn: Connection, policy: Managed) -> bool:
    """Keep a new policy with its first version. False when its ARN is taken."""
    try:
        with conn.begin_nested():
            conn.execute(sa.insert(table).values(**{**asdict(policy), "tags": json.dumps(dict(policy.tags))}))
    except IntegrityError:
        return False
    policy_versions.insert(conn, policy.arn, Version(1, policy.document, policy.created_at))
    return True


def find(conn: Connection, arn: str) -> Managed | None:
    """The policy of that ARN."""
    return _first(conn, table.c.arn == arn)


def find_named(conn: Connection, name: str) -> Managed | None:
    """The policy of that name, in any case."""
    return _first(conn, func.lower(table.c.name) == name.lower())


def list_all(conn: Connection) -> list[Managed]:
    """Every managed policy, by ARN; there are at most some thousand."""
    return [_from_row(row) for row in conn.execute(select(table).order_by(table.c.arn)).mappings()]


def add_version(conn: Connection, arn: str, document: str, now: float) -> int:
    """Another version, not in force yet; its number has never been given before."""
    raised = sa.update(table).where(table.c.arn == arn).values(latest_version=table.c.latest_version + 1)
    conn.execute(raised.values(updated_at=now))
    number = conn.execute(select(table.c.latest_version).where(table.c.arn == arn)).scalar_one()
    policy_versions.insert(conn, arn, Version(number, document, now))
    return int(number)


def set_default(conn: Connection, arn: str, version: Version, now: float) -> None:
    """Put a version in force, at once, wherever the policy is attached."""
    values = {"default_version": version.number, "document": version.document, "updated_at": now}
    conn.execute(sa.update(table).where(table.c.arn == arn).values(**values))


def set_tags(conn: Connection, arn: str, tags: Mapping[str, str]) -> None:
    """Put other tags in place of a policy's."""
    conn.execute(sa.update(table).where(table.c.arn == arn).values(tags=json.dumps(dict(tags))))


def delete(conn: Connection, arn: str) -> None:
    """Forget a policy that is attached to nobody, and its versions."""
    policy_versions.delete_all(conn, arn)
    conn.execute(sa.delete(table).where(table.c.arn == arn))


def count_uses(conn: Connection) -> tuple[dict[str, int], dict[str, int]]:
    """ARN -> attachments, and ARN -> uses as a boundary."""
    attached = select(attachments.c.policy_arn, func.count()).group_by(attachments.c.policy_arn)
    limiting = select(principal.c.boundary, func.count()).group_by(principal.c.boundary)
    return _pairs(conn, attached), _pairs(conn, limiting.where(principal.c.boundary.is_not(None)))


def list_holders(conn: Connection, arn: str) -> list[str]:
    """Ids of the principals that a policy is attached to."""
    return list(
        conn.execute(select(attachments.c.principal_id).where(attachments.c.policy_arn == arn)).scalars()
    )


def list_limited(conn: Connection, arn: str) -> list[str]:
    """Ids of the principals whose boundary a policy is."""
    return list(conn.execute(select(principal.c.id).where(principal.c.boundary == arn)).scalars())


def attach(conn: Connection, principal_id: str, arn: str) -> None:
    """Give a policy to a principal. Idempotent."""
    if arn not in list_attached(conn, principal_id):
        conn.execute(sa.insert(attachments).values(principal_id=principal_id, policy_arn=arn))


def detach(conn: Connection, principal_id: str, arn: str) -> bool:
    """Take a policy from a principal. False when it did not have it."""
    where = (attachments.c.principal_id == principal_id, attachments.c.policy_arn == arn)
    return bool(conn.execute(sa.delete(attachments).where(*where)).rowcount)


def list_attached(conn: Connection, principal_id: str) -> list[str]:
    """ARNs of a principal's managed policies."""
    query = select(attachments.c.policy_arn).where(attachments.c.principal_id == principal_id)
    return sorted(conn.execute(query).scalars())


def list_own(conn: Connection, principal_id: str) -> list[tuple[str, str | None]]:
    """Name or ARN, and document, of everything written into or attached to a principal or a group it is in.

    The document of a policy that is not the account's own is None.
    """
    groups = select(membership.c.group_id).where(membership.c.user_id == principal_id)
    inline = select(inlines.c.name, inlines.c.document).where(
        (inlines.c.principal_id == principal_id) | inlines.c.principal_id.in_(groups)
    )
    attached = (
        select(attachments.c.policy_arn, table.c.document)
        .select_from(attachments.outerjoin(table, table.c.arn == attachments.c.policy_arn))
        .where((attachments.c.principal_id == principal_id) | attachments.c.principal_id.in_(groups))
    )
    found = ((row[0], row[1]) for row in conn.execute(sa.union_all(inline, attached)))
    return sorted(found, key=lambda one: one[0])


def put_inline(conn: Connection, principal_id: str, name: str, document: str) -> None:
    """Write a policy into a principal, over one of the same name."""
    delete_inline(conn, principal_id, name)
    conn.execute(sa.insert(inlines).values(principal_id=principal_id, name=name, document=document))


def list_inline(conn: Connection, principal_id: str) -> dict[str, str]:
    """Name -> document of the policies written into a principal, by name."""
    query = select(inlines.c.name, inlines.c.document).where(inlines.c.principal_id == principal_id)
    return dict(sorted((row.name, row.document) for row in conn.execute(query)))


def delete_inline(conn: Connection, principal_id: str, name: str) -> bool:
    """Forget a policy written into a principal. False when there was none."""
    where = (inlines.c.principal_id == principal_id, inlines.c.name == name)
    return bool(conn.execute(sa.delete(inlines).where(*where)).rowcount)


def _first(conn: Connection, where: Any) -> Managed | None:
    row = conn.execute(select(table).where(where)).mappings().first()
    return None if row is None else _from_row(row)


def _from_row(row: Any) -> Managed:
    return Managed(**{**row, "tags": json.loads(row["tags"])})


def _pairs(conn: Connection, query: Any) -> dict[str, int]:
    return {row[0]: row[1] for row in conn.execute(query)}
