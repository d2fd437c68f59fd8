"""Policies: managed ones, their attachments, those written into a user or a role."""

from __future__ import annotations

from typing import Any

from control_plane.domain.errors import Code, ServiceError
from control_plane.iam.dates import to_iso
from control_plane.iam.managed import MANAGED
from control_plane.operations.iam_entities import (
    TITLES,
    aws_policy,
    check_document,
    check_managed,
    check_managed_size,
    check_size,
    encode,
    get_managed,
    get_own,
    get_principal,
    make_page,
    no_such_entity,
    read_tags,
    show_tags,
)
from control_plane.operations.service import Call, Service
from control_plane.store import policies, policy_versions
from control_plane.store.ids import make_id
from control_plane.store.policies import Managed
from control_plane.store.principals import Kind

_INLINE_SIZE = {"user": 2048, "role": 10240, "group": 5120}
_ATTACHED = 10


def create_policy(service: Service, call: Call) -> dict[str, Any]:
    """CreatePolicy: with its first version."""
    given = call.body
    name, path = given["PolicyName"], given.get("Path", "/")
    check_document(given["PolicyDocument"])
    check_managed_size(given["PolicyDocument"])
    made = Managed(
        arn=f"arn:aws:iam::{service.account_id}:policy{path}{name}",
        id=make_id("ANPA"),
        name=name,
        path=path,
        description=given.get("Description"),
        document=given["PolicyDocument"],
        created_at=service.clock(),
        tags=read_tags(given),
    )
    with service.db.begin() as conn:
        if policies.find_named(conn, name) is not None or not policies.insert(conn, made):
            words = f"A policy called {name} already exists. Duplicate names are not allowed."
            raise ServiceError(Code.ENTITY_EXISTS, words)
    return {"Policy": _describe(made, 0, 0)}


def get_policy(service: Service, call: Call) -> dict[str, Any]:
    """GetPolicy."""
    arn = call.body["PolicyArn"]
    with service.db.read() as conn:
        found = get_managed(conn, arn)
        attached, limiting = policies.count_uses(conn)
    return {"Policy": _describe(found, attached.get(arn, 0), limiting.get(arn, 0), whole=True)}


def list_policies(service: Service, call: Call) -> dict[str, Any]:
    """ListPolicies."""
    given = call.body
    scope, prefix = given.get("Scope", "All"), given.get("PathPrefix", "/")
    with service.db.read() as conn:
        local = policies.list_all(conn) if scope != "AWS" else []
        attached, limiting = policies.count_uses(conn)
    both = [*local, *(aws_policy(arn) for arn in MANAGED if scope != "Local")]
    uses = {"PermissionsPolicy": attached, "PermissionsBoundary": limiting}
    used = uses.get(given.get("PolicyUsageFilter", ""))
    wanted = [
        one
        for one in both
        if one.path.startswith(prefix)
        and (one.arn in attached or not given.get("OnlyAttached"))
        and (used is None or one.arn in used)
    ]
    page = make_page(given, "Policies", sorted(wanted, key=lambda one: one.arn), lambda one: one.arn)
    shown = [_describe(one, attached.get(one.arn, 0), limiting.get(one.arn, 0)) for one in page["Policies"]]
    return {**page, "Policies": shown}


def delete_policy(service: Service, call: Call) -> dict[str, Any]:
    """DeletePolicy."""
    arn = call.body["PolicyArn"]
    with service.db.begin() as conn:
        get_own(conn, arn)
        attached, limiting = policies.count_uses(conn)
        if arn in attached or arn in limiting:
            raise ServiceError(Code.DELETE_CONFLICT, "Cannot delete a policy attached to entities.")
        if len(policy_versions.list_all(conn, arn)) > 1:
            words = (
                "This policy has more than one version. Before you delete a policy, you must delete "
                "the policy's versions. The default version is deleted with the policy."
            )
            raise ServiceError(Code.DELETE_CONFLICT, words)
        policies.delete(conn, arn)
    return {}


def attach(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """AttachUserPolicy and AttachRolePolicy."""
    arn = call.body["PolicyArn"]
    with service.db.begin() as conn:
        found = get_principal(conn, kind, call)
        check_managed(conn, arn)
        if len({*policies.list_attached(conn, found.id), arn}) > _ATTACHED:
            quota = f"PoliciesPer{TITLES[kind]}: {_ATTACHED}"
            raise ServiceError(Code.LIMIT_EXCEEDED, f"Cannot exceed quota for {quota}")
        policies.attach(conn, found.id, arn)
    return {}


def detach(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """DetachUserPolicy and DetachRolePolicy."""
    with service.db.begin() as conn:
        found = get_principal(conn, kind, call)
        if not policies.detach(conn, found.id, call.body["PolicyArn"]):
            raise no_such_entity(f"Policy {call.body['PolicyArn']} was not found.")
    return {}


def list_attached(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """ListAttachedUserPolicies and ListAttachedRolePolicies."""
    with service.db.read() as conn:
        arns = policies.list_attached(conn, get_principal(conn, kind, call).id)
    prefix = call.body.get("PathPrefix", "/")
    wanted = [arn for arn in arns if f"/{arn.partition('/')[2]}".startswith(prefix)]
    page = make_page(call.body, "AttachedPolicies", wanted, str)
    shown = [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in page["AttachedPolicies"]]
    return {**page, "AttachedPolicies": shown}


def put_inline(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """PutUserPolicy and PutRolePolicy."""
    name, document = call.body["PolicyName"], call.body["PolicyDocument"]
    check_document(document)
    with service.db.begin() as conn:
        found = get_principal(conn, kind, call)
        others = policies.list_inline(conn, found.id)
        everything = "".join({**others, name: document}.values())
        limit = _INLINE_SIZE[kind]
        check_size(
            everything, limit, f"Maximum policy size of {limit} bytes exceeded for {kind} {found.name}"
        )
        policies.put_inline(conn, found.id, name, document)
    return {}


def get_inline(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """GetUserPolicy and GetRolePolicy."""
    name = call.body["PolicyName"]
    with service.db.read() as conn:
        found = get_principal(conn, kind, call)
        document = policies.list_inline(conn, found.id).get(name)
    if document is None:
        raise _no_inline(kind, name)
    return {f"{TITLES[kind]}Name": found.name, "PolicyName": name, "PolicyDocument": encode(document)}


def list_inline(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """ListUserPolicies and ListRolePolicies."""
    with service.db.read() as conn:
        names = list(policies.list_inline(conn, get_principal(conn, kind, call).id))
    return make_page(call.body, "PolicyNames", names, str)


def delete_inline(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """DeleteUserPolicy and DeleteRolePolicy."""
    with service.db.begin() as conn:
        found = get_principal(conn, kind, call)
        if not policies.delete_inline(conn, found.id, call.body["PolicyName"]):
            raise _no_inline(kind, call.body["PolicyName"])
    return {}


def _no_inline(kind: Kind, name: str) -> ServiceError:
    return no_such_entity(f"The {kind} policy with name {name} cannot be found.")


def _describe(policy: Managed, attached: int, limiting: int, whole: bool = False) -> dict[str, Any]:
    found = {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default_version}",
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": limiting,
        "IsAttachable": True,
        "CreateDate": to_iso(policy.created_at),
        "UpdateDate": to_iso(policy.updated_at or policy.created_at),
    }
    if whole and policy.description:
        found["Description"] = policy.description
    return {**found, "Tags": show_tags(policy.tags)} if whole and policy.tags else found
