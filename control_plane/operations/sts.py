"""STS: who am I, be a role for a while, be myself for a while."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from control_plane.domain.errors import Code, ServiceError, validation
from control_plane.iam.dates import to_iso
from control_plane.operations.access import find_document
from control_plane.operations.iam_entities import check_document, check_managed, read_tags
from control_plane.operations.service import Call, Service
from control_plane.store import keys, principals
from control_plane.store.keys import Credentials

_HOUR = 3600
_HALF_A_DAY = 43200


def get_caller_identity(service: Service, call: Call) -> dict[str, Any]:
    """GetCallerIdentity; needs no permission."""
    return {"UserId": call.caller.user_id, "Account": service.account_id, "Arn": call.caller.arn}


def get_access_key_info(service: Service, _call: Call) -> dict[str, Any]:
    """GetAccessKeyInfo: the account of a key; there is one."""
    return {"Account": service.account_id}


def get_session_token(service: Service, call: Call) -> dict[str, Any]:
    """GetSessionToken: the caller's own rights, for a while."""
    if call.caller.issued_at is not None:
        raise ServiceError(Code.ACCESS_DENIED, "Cannot call GetSessionToken with session credentials")
    now = service.clock()
    expires = now + call.body.get("DurationSeconds", _HALF_A_DAY)
    with service.db.begin() as conn:
        user = principals.find_by_id(conn, call.caller.principal_id)
        if user is None:
            raise ServiceError(Code.ACCESS_DENIED, f"User {call.caller.arn} is gone")
        made = keys.create_session(conn, service.vault, user, {}, now, expires)
    return {"Credentials": _show(made, expires)}


def assume_role(service: Service, call: Call) -> dict[str, Any]:
    """AssumeRole, for a caller whom policies and the role's trust let; its session may be limited further."""
    given, now = call.body, service.clock()
    name, duration = given["RoleSessionName"], given.get("DurationSeconds", _HOUR)
    with service.db.begin() as conn:
        role = principals.find_by_arn(conn, given["RoleArn"])
        if role is None:  # deleted since the caller was let
            raise ServiceError(Code.ACCESS_DENIED, f"Role {given['RoleArn']} is gone")
        _check_duration(call, duration, role.details.get("MaxSessionDuration", _HOUR))
        arn = f"arn:aws:sts::{service.account_id}:assumed-role/{role.name}/{name}"
        session = {"arn": arn, "name": name, "policies": _find_limits(conn, call), "tags": read_tags(given)}
        source = _find_source(call)
        session = {**session, "source": source} if source else session
        made = keys.create_session(conn, service.vault, role, session, now, now + duration)
    who = {"AssumedRoleId": f"{role.id}:{name}", "Arn": arn}
    kept = {"SourceIdentity": source} if source else {}
    return {"Credentials": _show(made, now + duration), "AssumedRoleUser": who, **kept}


def _find_source(call: Call) -> str | None:
    """Who is behind a chain of roles: said once, and the same ever after."""
    given, known = call.body.get("SourceIdentity"), call.caller.source
    if known and given and given != known:
        raise ServiceError(Code.ACCESS_DENIED, "cannot change SourceIdentity: the calling session has one")
    return known or given


def _check_duration(call: Call, duration: int, most: int) -> None:
    if call.caller.is_session and duration > _HOUR:
        raise validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    if duration > most:
        raise validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")


def _find_limits(conn: Connection, call: Call) -> list[str] | None:
    """The documents that limit the session; None for no limit."""
    found: list[str] = []
    if "Policy" in call.body:
        check_document(call.body["Policy"])
        found.append(call.body["Policy"])
    for one in call.body.get("PolicyArns", []):
        check_managed(conn, one["arn"])
        found.append(find_document(conn, one["arn"]) or "")
    return found or None


def _show(made: Credentials, expires: float) -> dict[str, Any]:
    return {
        "AccessKeyId": made.access_key_id,
        "SecretAccessKey": made.secret_access_key,
        "SessionToken": made.session_token,
        "Expiration": to_iso(expires),
    }
