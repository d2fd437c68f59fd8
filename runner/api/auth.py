"""Who asks, and whether they may. The cell's token proves the control plane; its headers say for whom it asks."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import IntEnum

from starlette.datastructures import Headers

from runner.api.errors import ApiError


class Role(IntEnum):
    """Airflow's roles, each with the rights of those below it."""

    PUBLIC = 0
    VIEWER = 1
    USER = 2
    OP = 3
    ADMIN = 4


ROLES = {"Public": Role.PUBLIC, "Viewer": Role.VIEWER, "User": Role.USER, "Op": Role.OP, "Admin": Role.ADMIN}


@dataclass(frozen=True, slots=True)
class Identity:
    """The person behind a request."""

    user: str
    role: Role


def identify(headers: Headers, token: str) -> Identity:
    """The caller. Raises ApiError: unauthenticated without the cell's token; an unknown role is Public."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        raise ApiError("unauthenticated", "Not authenticated")
    return Identity(
        headers.get("x-aerodrome-user", "anonymous")[:250],
        ROLES.get(headers.get("x-aerodrome-role", ""), Role.PUBLIC),
    )


def allow(identity: Identity, least: Role) -> None:
    """Raises ApiError (forbidden) when the caller's role is below the route's."""
    if identity.role < least:
        raise ApiError("forbidden", "Forbidden")
