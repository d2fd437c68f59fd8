"""Policies: managed ones, their attachments, those written into a user or a role."""

from __future__ import annotations

from typing import Any

from control_plane.domain.errors import Code, ServiceError
from control_plane.iam.managed import MANAGED, MANAGED_TEXTS
from control_plane.operations.iam_entities import (
    TITLES,
    check_document,
    check_managed,
    check_size,
    encode,
    get_principal,
    make_page,
    no_such_entity,
    to_date,
)
from control_plane.operations.service import Call, Service
from control_plane.store import policies
from control_plane.store.ids import make_id
from control_plane.store.policies import Managed
from control_plane.store.principals import Kind

_MANAGED_SIZE = 6144
_INLINE_SIZE = {"user": 2048, "role": 10240, "group": 5120}
_ATTACHED = 10
_VERSION = "v1"
_EPOCH = 0.0


def create_policy(service: Service, call: Call) -> dict[str, Any]:
    """CreatePolicy; it has one version and keeps it."""
    given = call.body
    name, path = given["PolicyName"], given.get("Path", "/")
    check_document(given["PolicyDocument"])
    check_size(given["PolicyDocument"], _MANAGED_SIZE, f"Cannot exceed quota for PolicySize: {_MANAGED_SIZE}")
    made = Managed(
        arn=f"arn:aws:iam::{service.account_id}:policy{path}{name}",
        id=make_id("ANPA"),
        name=name,
        path=path,
        description=given.get("Description"),
        document=given["PolicyDocument"],
        created_at=service.clock(),
    )
    with service.db.begin() as conn:
        if policies.find_named(conn, name) is not None or not policies.insert(conn, made):
            words = f"A policy called {name} already exists. Duplicate names are not allowed."
            raise ServiceError(Code.ENTITY_EXISTS, words)
    return {"Policy": _describe(made, 0, 0)}


def get_policy(service: Service, call: Call) -> dict[str, Any]:
    """GetPolicy."""
    arn = call.body["PolicyArn"]
    found = _get(service, arn)
    with service.db.read() as conn:
        attached, limiting = policies.count_uses(conn)
    return {"Policy": _describe(found, attached.get(arn, 0), limiting.get(arn, 0), whole=True)}


def get_policy_version(service: Service, call: Call) -> dict[str, Any]:
    """GetPolicyVersion."""
    arn, version = call.body["PolicyArn"], call.body["VersionId"]
    found = _get(service, arn)
    if version != _VERSION:
        raise no_such_entity(f"Policy {arn} version {version} does not exist or is not attachable.")
    shown = {"Document": encode(found.document), "VersionId": _VERSION, "IsDefaultVersion": True}
    return {"PolicyVersion": {**shown, "CreateDate": to_date(found.created_at)}}


def list_policies(service: Service, call: Call) -> dict[str, Any]:
    """ListPolicies."""
    given = call.body
    scope, prefix = given.get("Scope", "All"), given.get("PathPrefix", "/")
    with service.db.read() as conn:
        local = policies.list_all(conn) if scope != "AWS" else []
        attached, limiting = policies.count_uses(conn)
    both = [*local, *(_aws(arn) for arn in MANAGED if scope != "Local")]
    wanted = [
        one
        for one in both
        if one.path.startswith(prefix) and (one.arn in attached or not given.get("OnlyAttached"))
    ]
    page = make_page(given, "Policies", sorted(wanted, key=lambda one: one.arn), lambda one: one.arn)
    shown = [_describe(one, attached.get(one.arn, 0), limiting.get(one.arn, 0)) for one in page["Policies"]]
    return {**page, "Policies": shown}


def delete_policy(service: Service, call: Call) -> dict[str, Any]:
    """DeletePolicy."""
    arn = call.body["PolicyArn"]
    _get(service, arn)
    if arn in MANAGED:
        raise ServiceError(Code.ACCESS_DENIED, f"Policy {arn} is AWS's own and cannot be deleted")
    with service.db.begin() as conn:
        attached, limiting = policies.count_uses(conn)
        if arn in attached or arn in limiting:
            raise ServiceError(Code.DELETE_CONFLICT, "Cannot delete a policy attached to entities.")
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


def _get(service: Service, arn: str) -> Managed:
    if arn in MANAGED:
        return _aws(arn)
    with service.db.read() as conn:
        found = policies.find(conn, arn)
    if found is None:
        raise no_such_entity(f"Policy {arn} was not found.")
    return found


def _aws(arn: str) -> Managed:
    name = arn.rpartition("/")[2]
    identity = "ANPA" + name.upper()[:17].ljust(17, "A")
    return Managed(arn, identity, name, "/", None, MANAGED_TEXTS[arn], _EPOCH)


def _describe(policy: Managed, attached: int, limiting: int, whole: bool = False) -> dict[str, Any]:
    found = {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": _VERSION,
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": limiting,
        "IsAttachable": True,
        "CreateDate": to_date(policy.created_at),
        "UpdateDate": to_date(policy.created_at),
    }
    return {**found, "Description": policy.description} if whole and policy.description else found
