"""Every action of IAM and STS, with what it is authorised on: one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from control_plane.domain.errors import Code, ServiceError
from control_plane.domain.iam_model import IAM, STS
from control_plane.domain.shapes import Structure
from control_plane.iam.authorize import Caller
from control_plane.operations import (
    iam_changes,
    iam_policies,
    iam_principals,
    iam_simulate,
    iam_tags,
    iam_versions,
    sts,
)
from control_plane.operations.service import Call, Service
from control_plane.store import principals
from control_plane.store.principals import Kind

Resource = Callable[[Service, Caller, Mapping[str, Any]], str]
Needs = Literal["policies", "trust", "nothing"]


@dataclass(frozen=True, slots=True)
class QueryRoute:
    """One action."""

    service: str
    name: str
    run: Callable[[Service, Call], dict[str, Any]]
    resource: Resource
    needs: Needs = "policies"
    """Who may: whom policies let; for a role also whom it trusts; everybody with a key."""
    also: Resource | None = None
    """A second resource that the caller must be let."""

    @property
    def action(self) -> str:
        """The IAM action."""
        return f"{self.service}:{self.name}"

    @property
    def shape(self) -> Structure:
        """Its input."""
        return (IAM if self.service == "iam" else STS)[self.name]


def principal_arn(kind: Kind, service: Service, caller: Caller, given: Mapping[str, Any]) -> str:
    """The user or role named, with its path when it is there; of users the caller itself, when none is named."""
    name = given.get(f"{kind.title()}Name")
    if not isinstance(name, str):
        return caller.principal_arn if kind == "user" and caller.username else "*"
    with service.db.read() as conn:
        found = principals.find(conn, kind, name)
    made = f"arn:aws:iam::{service.account_id}:{kind}{given.get('Path', '/')}{name}"
    return made if found is None else found.arn


def new_policy_arn(service: Service, _caller: Caller, given: Mapping[str, Any]) -> str:
    """The policy that is to be made."""
    return f"arn:aws:iam::{service.account_id}:policy{given.get('Path', '/')}{given.get('PolicyName', '')}"


def renamed(kind: Kind, service: Service, _caller: Caller, given: Mapping[str, Any]) -> str:
    """The user or group as it is to be."""
    title = kind.title()
    with service.db.read() as conn:
        found = principals.find(conn, kind, str(given.get(f"{title}Name")))
    path, name = ("/", given.get(f"{title}Name")) if found is None else (found.path, found.name)
    kept = f"{given.get('NewPath', path)}{given.get(f'New{title}Name', name)}"
    return f"arn:aws:iam::{service.account_id}:{kind}{kept}"


def member(name: str, _service: Service, _caller: Caller, given: Mapping[str, Any]) -> str:
    """An ARN that is a member of the request."""
    return str(given.get(name) or "*")


def anything(_service: Service, _caller: Caller, _given: Mapping[str, Any]) -> str:
    """Actions on no resource in particular."""
    return "*"


_user, _role = partial(principal_arn, "user"), partial(principal_arn, "role")
_group = partial(principal_arn, "group")
_policy = partial(member, "PolicyArn")
_iam = partial(QueryRoute, "iam")
_sts = partial(QueryRoute, "sts")


def _each(kind: Kind, resource: Resource) -> list[QueryRoute]:
    """What users, roles and groups have in common; groups have no boundary."""
    title = kind.title()
    make, change = iam_principals, iam_policies
    show = make.get_group if kind == "group" else partial(make.get, kind)
    routes = [
        _iam(f"Create{title}", partial(make.create_principal, kind), resource),
        _iam(f"Get{title}", show, resource),
        _iam(f"List{title}s", partial(make.list_principals, kind), anything),
        _iam(f"Delete{title}", partial(make.delete, kind), resource),
        _iam(f"Put{title}PermissionsBoundary", partial(make.put_boundary, kind), resource),
        _iam(f"Delete{title}PermissionsBoundary", partial(make.delete_boundary, kind), resource),
        _iam(f"Put{title}Policy", partial(change.put_inline, kind), resource),
        _iam(f"Get{title}Policy", partial(change.get_inline, kind), resource),
        _iam(f"List{title}Policies", partial(change.list_inline, kind), resource),
        _iam(f"Delete{title}Policy", partial(change.delete_inline, kind), resource),
        _iam(f"Attach{title}Policy", partial(change.attach, kind), resource),
        _iam(f"Detach{title}Policy", partial(change.detach, kind), resource),
        _iam(f"ListAttached{title}Policies", partial(change.list_attached, kind), resource),
    ]
    if kind != "group":
        routes += [
            _iam(f"Tag{title}", partial(iam_tags.tag_principal, kind), resource),
            _iam(f"Untag{title}", partial(iam_tags.untag_principal, kind), resource),
            _iam(f"List{title}Tags", partial(iam_tags.list_principal_tags, kind), resource),
        ]
    return [route for route in routes if kind != "group" or "Boundary" not in route.name]


QUERY_ROUTES = (
    *_each("user", _user),
    *_each("role", _role),
    *_each("group", _group),
    _iam("AddUserToGroup", iam_principals.add_to_group, _group),
    _iam("RemoveUserFromGroup", iam_principals.remove_from_group, _group),
    _iam("ListGroupsForUser", iam_principals.list_groups_of, _user),
    _iam("UpdateUser", partial(iam_changes.rename, "user"), _user, also=partial(renamed, "user")),
    _iam("UpdateGroup", partial(iam_changes.rename, "group"), _group, also=partial(renamed, "group")),
    _iam("UpdateRole", iam_changes.update_role, _role),
    _iam("UpdateRoleDescription", iam_changes.update_role_description, _role),
    _iam("ListInstanceProfilesForRole", iam_changes.list_instance_profiles, _role),
    _iam("ListEntitiesForPolicy", iam_changes.list_entities, _policy),
    _iam("UpdateAssumeRolePolicy", iam_principals.update_trust, _role),
    _iam("CreateAccessKey", iam_principals.create_access_key, _user),
    _iam("ListAccessKeys", iam_principals.list_access_keys, _user),
    _iam("UpdateAccessKey", iam_principals.update_access_key, _user),
    _iam("DeleteAccessKey", iam_principals.delete_access_key, _user),
    _iam("CreatePolicy", iam_policies.create_policy, new_policy_arn),
    _iam("GetPolicy", iam_policies.get_policy, _policy),
    _iam("CreatePolicyVersion", iam_versions.create_policy_version, _policy),
    _iam("GetPolicyVersion", iam_versions.get_policy_version, _policy),
    _iam("ListPolicyVersions", iam_versions.list_policy_versions, _policy),
    _iam("SetDefaultPolicyVersion", iam_versions.set_default_policy_version, _policy),
    _iam("DeletePolicyVersion", iam_versions.delete_policy_version, _policy),
    _iam("TagPolicy", iam_tags.tag_policy, _policy),
    _iam("UntagPolicy", iam_tags.untag_policy, _policy),
    _iam("ListPolicyTags", iam_tags.list_policy_tags, _policy),
    _iam("ListPolicies", iam_policies.list_policies, anything),
    _iam("DeletePolicy", iam_policies.delete_policy, _policy),
    _iam("SimulatePrincipalPolicy", iam_simulate.simulate_principal, partial(member, "PolicySourceArn")),
    _iam("SimulateCustomPolicy", iam_simulate.simulate_custom, anything),
    _iam(
        "GetContextKeysForPrincipalPolicy",
        iam_simulate.context_keys_of_principal,
        partial(member, "PolicySourceArn"),
    ),
    _iam("GetContextKeysForCustomPolicy", iam_simulate.context_keys_of_custom, anything),
    _sts("GetCallerIdentity", sts.get_caller_identity, anything, "nothing"),
    _sts("GetAccessKeyInfo", sts.get_access_key_info, anything),
    _sts("GetSessionToken", sts.get_session_token, anything, "nothing"),
    _sts("AssumeRole", sts.assume_role, partial(member, "RoleArn"), "trust"),
)
VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15"}


def get_query_route(service: str, fields: Mapping[str, str]) -> QueryRoute:
    """The route of a form. Raises ServiceError(INVALID_ACTION)."""
    name, version = fields.get("Action", ""), fields.get("Version", "")
    found = next((one for one in QUERY_ROUTES if (one.service, one.name) == (service, name)), None)
    if found is None or version != VERSIONS[service]:
        words = f"Could not find operation {name[:128]} for version {version[:32]}"
        raise ServiceError(Code.INVALID_ACTION, words)
    return found
