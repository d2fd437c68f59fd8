"""What is changed of users and roles that are there, and who holds a policy."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from control_plane.domain.errors import Code, ServiceError
from control_plane.operations.iam_entities import TITLES, describe, get_managed, get_principal, make_page
from control_plane.operations.service import Call, Service
from control_plane.store import policies, principals
from control_plane.store.keys import ADMIN_NAME
from control_plane.store.principals import Kind, Principal

_KINDS: dict[str, Kind] = {"Group": "group", "User": "user", "Role": "role"}


def rename(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """UpdateUser and UpdateGroup: another name or path. The id, the keys and the policies stay."""
    given, title = call.body, TITLES[kind]
    with service.db.begin() as conn:
        found = get_principal(conn, kind, call)
        name, path = given.get(f"New{title}Name", found.name), given.get("NewPath", found.path)
        if kind == "user" and found.name == ADMIN_NAME and (name, path) != (found.name, found.path):
            words = f"cannot rename user {ADMIN_NAME}: whoever is called so is made the administrator at every start"
            raise ServiceError(Code.INVALID_INPUT, words)
        other = principals.find(conn, kind, name)
        is_free = other is None or other.id == found.id
        if not is_free or not principals.rename(conn, found, service.account_id, name, path):
            raise ServiceError(Code.ENTITY_EXISTS, f"{title} with name {name} already exists.")
    return {}


def update_role(service: Service, call: Call) -> dict[str, Any]:
    """UpdateRole: what is not given stays."""
    changed = {key: call.body[key] for key in ("Description", "MaxSessionDuration") if key in call.body}
    with service.db.begin() as conn:
        principals.set_details(conn, get_principal(conn, "role", call), **changed)
    return {}


def update_role_description(service: Service, call: Call) -> dict[str, Any]:
    """UpdateRoleDescription: the older way, which answers with the role."""
    with service.db.begin() as conn:
        found = get_principal(conn, "role", call)
        principals.set_details(conn, found, Description=call.body["Description"])
        return {"Role": describe(get_principal(conn, "role", call))}


def list_entities(service: Service, call: Call) -> dict[str, Any]:
    """ListEntitiesForPolicy: to whom it is attached, whose boundary it is; one page over all three kinds."""
    with service.db.read() as conn:
        found = _find_holders(conn, call)
    page = make_page(call.body, "Entities", sorted(found, key=_place), _place)
    entities = page.pop("Entities")
    return {**{f"Policy{title}s": _show(entities, kind) for title, kind in _KINDS.items()}, **page}


def list_instance_profiles(service: Service, call: Call) -> dict[str, Any]:
    """ListInstanceProfilesForRole: there are none, which is what those ask who are to delete a role."""
    with service.db.read() as conn:
        get_principal(conn, "role", call)
    return {"InstanceProfiles": [], "IsTruncated": False}


def _find_holders(conn: Connection, call: Call) -> list[Principal]:
    arn, usage = get_managed(conn, call.body["PolicyArn"]).arn, call.body.get("PolicyUsageFilter")
    kind, prefix = call.body.get("EntityFilter"), call.body.get("PathPrefix", "/")
    ids = set(policies.list_holders(conn, arn)) if usage != "PermissionsBoundary" else set()
    if usage != "PermissionsPolicy":
        ids.update(policies.list_limited(conn, arn))
    found = (principals.find_by_id(conn, identity) for identity in ids)
    return [
        one
        for one in found
        if one is not None and kind in (None, TITLES[one.kind]) and one.path.startswith(prefix)
    ]


def _place(principal: Principal) -> str:
    return f"{principal.kind}/{principal.name}"


def _show(entities: list[Principal], kind: Kind) -> list[dict[str, str]]:
    title = TITLES[kind]
    return [{f"{title}Name": one.name, f"{title}Id": one.id} for one in entities if one.kind == kind]
