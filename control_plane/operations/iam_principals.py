"""Users, their access keys, roles: made, shown, listed, changed, deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from control_plane.domain.errors import Code, ServiceError
from control_plane.iam.dates import to_iso
from control_plane.iam.policy import Kind as PolicyKind
from control_plane.operations.iam_entities import (
    TITLES,
    check_document,
    check_managed,
    check_size,
    describe,
    details_of,
    get_principal,
    make_page,
    no_such_entity,
)
from control_plane.operations.service import Call, Service
from control_plane.store import keys, principals
from control_plane.store.principals import Kind, Principal

_KEYS_PER_USER = 2
_PER_ACCOUNT = {"user": 5000, "role": 1000, "group": 300}
_TRUST_SIZE = 2048


def create_principal(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """CreateUser and CreateRole."""
    given, title = call.body, TITLES[kind]
    name, trust = given[f"{title}Name"], given.get("AssumeRolePolicyDocument")
    if trust is not None:
        _check_trust(trust)
    made = principals.make(kind, service.account_id, name, service.clock(), given.get("Path", "/"))
    made = replace(made, trust=trust, boundary=given.get("PermissionsBoundary"), details=details_of(given))
    with service.db.begin() as conn:
        if made.boundary is not None:
            check_managed(conn, made.boundary)
        if principals.count(conn, kind) >= _PER_ACCOUNT[kind]:
            quota = f"{title}sPerAccount: {_PER_ACCOUNT[kind]}"
            raise ServiceError(Code.LIMIT_EXCEEDED, f"Cannot exceed quota for {quota}")
        if principals.find(conn, kind, name) is not None or not principals.insert(conn, made):
            raise ServiceError(Code.ENTITY_EXISTS, f"{title} with name {name} already exists.")
    return {title: describe(made)}


def get(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """GetUser and GetRole."""
    with service.db.read() as conn:
        return {TITLES[kind]: describe(get_principal(conn, kind, call))}


def list_principals(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """ListUsers and ListRoles."""
    given = call.body
    limit = given.get("MaxItems", 100)
    with service.db.read() as conn:
        found = principals.list_page(
            conn, kind, given.get("PathPrefix", "/"), given.get("Marker", ""), limit + 1
        )
    page = make_page({"MaxItems": limit}, f"{TITLES[kind]}s", found, lambda one: one.name)
    return {**page, f"{TITLES[kind]}s": [_describe_briefly(one) for one in page[f"{TITLES[kind]}s"]]}


def delete(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """DeleteUser and DeleteRole; sessions end with their principal."""
    with service.db.begin() as conn:
        found = get_principal(conn, kind, call)
        hold = principals.find_hold(conn, found)
        if hold is not None:
            raise ServiceError(Code.DELETE_CONFLICT, hold)
        principals.delete(conn, found.id)
    return {}


def get_group(service: Service, call: Call) -> dict[str, Any]:
    """GetGroup: with a page of its users."""
    with service.db.read() as conn:
        group = get_principal(conn, "group", call)
        users = principals.list_members(conn, group.id)
    page = make_page(call.body, "Users", users, lambda one: one.name)
    return {**page, "Group": describe(group), "Users": [_describe_briefly(one) for one in page["Users"]]}


def add_to_group(service: Service, call: Call) -> dict[str, Any]:
    """AddUserToGroup."""
    with service.db.begin() as conn:
        group, user = get_principal(conn, "group", call), get_principal(conn, "user", call)
        principals.add_member(conn, user.id, group.id)
    return {}


def remove_from_group(service: Service, call: Call) -> dict[str, Any]:
    """RemoveUserFromGroup."""
    with service.db.begin() as conn:
        group, user = get_principal(conn, "group", call), get_principal(conn, "user", call)
        if not principals.remove_member(conn, user.id, group.id):
            raise no_such_entity(f"User {user.name} is not in group {group.name}.")
    return {}


def list_groups_of(service: Service, call: Call) -> dict[str, Any]:
    """ListGroupsForUser."""
    with service.db.read() as conn:
        groups = principals.list_groups(conn, get_principal(conn, "user", call).id)
    page = make_page(call.body, "Groups", groups, lambda one: one.name)
    return {**page, "Groups": [describe(one) for one in page["Groups"]]}


def update_trust(service: Service, call: Call) -> dict[str, Any]:
    """UpdateAssumeRolePolicy."""
    document = call.body["PolicyDocument"]
    _check_trust(document)
    with service.db.begin() as conn:
        principals.set_trust(conn, get_principal(conn, "role", call).id, document)
    return {}


def put_boundary(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """PutUserPermissionsBoundary and its sibling for roles."""
    with service.db.begin() as conn:
        found = get_principal(conn, kind, call)
        check_managed(conn, call.body["PermissionsBoundary"])
        principals.set_boundary(conn, found.id, call.body["PermissionsBoundary"])
    return {}


def delete_boundary(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """DeleteUserPermissionsBoundary and its sibling for roles."""
    with service.db.begin() as conn:
        found = get_principal(conn, kind, call)
        if found.boundary is None:
            raise no_such_entity(f"{TITLES[kind]} {found.name} does not have a permissions boundary.")
        principals.set_boundary(conn, found.id, None)
    return {}


def create_access_key(service: Service, call: Call) -> dict[str, Any]:
    """CreateAccessKey; the only answer that ever holds the secret."""
    now = service.clock()
    with service.db.begin() as conn:
        user = get_principal(conn, "user", call)
        if len(keys.list_keys(conn, user.id)) >= _KEYS_PER_USER:
            raise ServiceError(
                Code.LIMIT_EXCEEDED, f"Cannot exceed quota for AccessKeysPerUser: {_KEYS_PER_USER}"
            )
        made = keys.create_key(conn, service.vault, user.id, now)
    return {
        "AccessKey": {
            "UserName": user.name,
            "AccessKeyId": made.access_key_id,
            "Status": "Active",
            "SecretAccessKey": made.secret_access_key,
            "CreateDate": to_iso(now),
        }
    }


def list_access_keys(service: Service, call: Call) -> dict[str, Any]:
    """ListAccessKeys."""
    with service.db.read() as conn:
        user = get_principal(conn, "user", call)
        found = sorted(keys.list_keys(conn, user.id), key=lambda one: one.access_key_id)
    page = make_page(call.body, "AccessKeyMetadata", found, lambda one: one.access_key_id)
    shown = [
        {
            "UserName": user.name,
            "AccessKeyId": one.access_key_id,
            "Status": one.status,
            "CreateDate": to_iso(one.created_at),
        }
        for one in page["AccessKeyMetadata"]
    ]
    return {**page, "AccessKeyMetadata": shown}


def update_access_key(service: Service, call: Call) -> dict[str, Any]:
    """UpdateAccessKey."""
    with service.db.begin() as conn:
        user = get_principal(conn, "user", call)
        if not keys.set_status(conn, user.id, call.body["AccessKeyId"], call.body["Status"]):
            raise _no_key(call)
    return {}


def delete_access_key(service: Service, call: Call) -> dict[str, Any]:
    """DeleteAccessKey."""
    with service.db.begin() as conn:
        user = get_principal(conn, "user", call)
        if not keys.delete_key(conn, user.id, call.body["AccessKeyId"]):
            raise _no_key(call)
    return {}


def _describe_briefly(principal: Principal) -> dict[str, Any]:
    """As lists show one: without its tags."""
    return {key: value for key, value in describe(principal).items() if key != "Tags"}


def _no_key(call: Call) -> ServiceError:
    return no_such_entity(f"The Access Key with id {call.body['AccessKeyId']} cannot be found")


def _check_trust(document: str) -> None:
    check_document(document, PolicyKind.TRUST)
    check_size(document, _TRUST_SIZE, f"Cannot exceed quota for ACLSizePerRole: {_TRUST_SIZE}")
