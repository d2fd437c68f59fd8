"""Versions of managed policies. One is in force; at most five are kept."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from control_plane.domain.errors import Code, ServiceError
from control_plane.iam.dates import to_iso
from control_plane.iam.managed import MANAGED
from control_plane.operations.iam_entities import (
    check_document,
    check_managed_size,
    encode,
    get_managed,
    get_own,
    make_page,
    no_such_entity,
)
from control_plane.operations.service import Call, Service
from control_plane.store import policies, policy_versions
from control_plane.store.policies import Managed
from control_plane.store.policy_versions import Version

_KEPT = 5


def create_policy_version(service: Service, call: Call) -> dict[str, Any]:
    """CreatePolicyVersion; with SetAsDefault it counts from now on."""
    arn, document, now = call.body["PolicyArn"], call.body["PolicyDocument"], service.clock()
    check_document(document)
    check_managed_size(document)
    with service.db.begin() as conn:
        get_own(conn, arn)
        if len(policy_versions.list_all(conn, arn)) >= _KEPT:
            words = (
                f"A managed policy can have up to {_KEPT} versions. "
                "Before you create a new version, you must delete an existing version."
            )
            raise ServiceError(Code.LIMIT_EXCEEDED, words)
        made = Version(policies.add_version(conn, arn, document, now), document, now)
        if call.body.get("SetAsDefault"):
            policies.set_default(conn, arn, made, now)
        return {"PolicyVersion": _describe(get_own(conn, arn), made)}


def get_policy_version(service: Service, call: Call) -> dict[str, Any]:
    """GetPolicyVersion: with its document."""
    with service.db.read() as conn:
        found = get_managed(conn, call.body["PolicyArn"])
        version = _get(conn, found, call.body["VersionId"])
    return {"PolicyVersion": {"Document": encode(version.document), **_describe(found, version)}}


def list_policy_versions(service: Service, call: Call) -> dict[str, Any]:
    """ListPolicyVersions, newest first."""
    with service.db.read() as conn:
        found = get_managed(conn, call.body["PolicyArn"])
        versions = _list(conn, found)
    page = make_page(call.body, "Versions", versions, lambda one: f"{_NEWEST_FIRST - one.number:09}")
    return {**page, "Versions": [_describe(found, one) for one in page["Versions"]]}


def set_default_policy_version(service: Service, call: Call) -> dict[str, Any]:
    """SetDefaultPolicyVersion: it counts at once, wherever the policy is attached."""
    with service.db.begin() as conn:
        found = get_own(conn, call.body["PolicyArn"])
        version = _get(conn, found, call.body["VersionId"])
        policies.set_default(conn, found.arn, version, service.clock())
    return {}


def delete_policy_version(service: Service, call: Call) -> dict[str, Any]:
    """DeletePolicyVersion; the one in force stays."""
    with service.db.begin() as conn:
        found = get_own(conn, call.body["PolicyArn"])
        version = _get(conn, found, call.body["VersionId"])
        if version.number == found.default_version:
            raise ServiceError(Code.DELETE_CONFLICT, "Cannot delete the default version of a policy.")
        policy_versions.delete(conn, found.arn, version.number)
    return {}


_NEWEST_FIRST = 10**9 - 1


def _list(conn: Connection, policy: Managed) -> list[Version]:
    if policy.arn in MANAGED:
        return [Version(1, policy.document, policy.created_at)]
    return policy_versions.list_all(conn, policy.arn)


def _get(conn: Connection, policy: Managed, identity: str) -> Version:
    found = next((one for one in _list(conn, policy) if f"v{one.number}" == identity), None)
    if found is None:
        raise no_such_entity(f"Policy {policy.arn} version {identity} does not exist or is not attachable.")
    return found


def _describe(policy: Managed, version: Version) -> dict[str, Any]:
    return {
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": version.number == policy.default_version,
        "CreateDate": to_iso(version.created_at),
    }
