"""Versions of managed policies. Which one is in force is the policy's own: see `policies.set_default`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy import Connection, select

from control_plane.store.schema import policy_version as table


@dataclass(frozen=True, slots=True)
class Version:
    """What a policy said at a time."""

    number: int
    document: str
    created_at: float


def insert(conn: Connection, arn: str, version: Version) -> None:
    """Keep a version."""
    conn.execute(sa.insert(table).values(policy_arn=arn, **asdict(version)))


def list_all(conn: Connection, arn: str) -> list[Version]:
    """Every version of a policy, newest first; there are at most five."""
    query = select(table).where(table.c.policy_arn == arn).order_by(table.c.number.desc())
    return [Version(row.number, row.document, row.created_at) for row in conn.execute(query)]


def delete(conn: Connection, arn: str, number: int) -> None:
    """Forget a version that is not in force."""
    conn.execute(sa.delete(table).where(table.c.policy_arn == arn, table.c.number == number))


def delete_all(conn: Connection, arn: str) -> None:
    """Forget the versions of a policy that goes."""
    conn.execute(sa.delete(table).where(table.c.policy_arn == arn))
