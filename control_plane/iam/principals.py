"""Whom a Principal element means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from control_plane.iam.policy import Statement


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller as policies see one."""

    arn: str
    """Of the user, or of the session of a role."""
    principal_arn: str = ""
    """Of the user or the role: `aws:PrincipalArn`."""
    services: tuple[str, ...] = field(default=())
    """Service principals, where a service asks."""

    @property
    def account(self) -> str:
        """The account's number."""
        parts = self.arn.split(":")
        return parts[4] if len(parts) > 4 else ""


class Named(IntEnum):
    """How a statement means a caller, from not at all to exactly."""

    NOT = 0
    ACCOUNT = 1
    """Its account, which leaves it to the caller's own policies."""
    ROLE = 2
    """Its role; the session's limits hold."""
    SELF = 3


def name_in(statement: Statement, identity: Identity) -> Named:
    """How a resource policy's statement means the caller. Without either element it means everybody."""
    if statement.not_principals is not None:
        return Named.NOT if _strongest(statement.not_principals, identity) else Named.SELF
    if statement.principals is None:
        return Named.SELF
    return _strongest(statement.principals, identity)


def _strongest(principals: Mapping[str, tuple[str, ...]], identity: Identity) -> Named:
    if set(principals.get("Service", ())) & set(identity.services):
        return Named.SELF
    return max((_compare(one, identity) for one in principals.get("AWS", ())), default=Named.NOT)


def _compare(wanted: str, identity: Identity) -> Named:
    if wanted in ("*", identity.arn):
        return Named.SELF
    if wanted == identity.principal_arn:
        return Named.ROLE
    account = identity.account
    if account and wanted in (account, f"arn:aws:iam::{account}:root"):
        return Named.ACCOUNT
    return Named.NOT
