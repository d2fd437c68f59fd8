"""Tags of users, roles and managed policies. Keys are told apart by case-insensitive comparison, as IAM does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from control_plane.domain.errors import Code, ServiceError
from control_plane.operations.iam_entities import (
    get_managed,
    get_own,
    get_principal,
    make_page,
    read_tags,
    show_tags,
)
from control_plane.operations.service import Call, Service
from control_plane.store import policies, principals
from control_plane.store.principals import Kind

_MOST = 50


def tag_principal(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """TagUser and TagRole: add tags, over those of the same keys."""
    with service.db.begin() as conn:
        found = get_principal(conn, kind, call)
        principals.set_tags(conn, found, _add(found.details.get("Tags", {}), call))
    return {}


def untag_principal(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """UntagUser and UntagRole; keys that are not there are no fault."""
    with service.db.begin() as conn:
        found = get_principal(conn, kind, call)
        principals.set_tags(conn, found, _without(found.details.get("Tags", {}), call.body["TagKeys"]))
    return {}


def list_principal_tags(kind: Kind, service: Service, call: Call) -> dict[str, Any]:
    """ListUserTags and ListRoleTags."""
    with service.db.read() as conn:
        return _page(call, get_principal(conn, kind, call).details.get("Tags", {}))


def tag_policy(service: Service, call: Call) -> dict[str, Any]:
    """TagPolicy."""
    with service.db.begin() as conn:
        found = get_own(conn, call.body["PolicyArn"])
        policies.set_tags(conn, found.arn, _add(found.tags, call))
    return {}


def untag_policy(service: Service, call: Call) -> dict[str, Any]:
    """UntagPolicy."""
    with service.db.begin() as conn:
        found = get_own(conn, call.body["PolicyArn"])
        policies.set_tags(conn, found.arn, _without(found.tags, call.body["TagKeys"]))
    return {}


def list_policy_tags(service: Service, call: Call) -> dict[str, Any]:
    """ListPolicyTags."""
    with service.db.read() as conn:
        return _page(call, get_managed(conn, call.body["PolicyArn"]).tags)


def _add(before: Mapping[str, str], call: Call) -> dict[str, str]:
    given = read_tags(call.body)
    after = {**_without(before, given), **given}
    if len(after) > _MOST:
        raise ServiceError(Code.LIMIT_EXCEEDED, f"Cannot exceed quota for TagsPerResource: {_MOST}")
    return after


def _without(before: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    gone = {key.lower() for key in keys}
    return {key: value for key, value in before.items() if key.lower() not in gone}


def _page(call: Call, tags: Mapping[str, str]) -> dict[str, Any]:
    page = make_page(call.body, "Tags", sorted(tags.items()), lambda pair: pair[0])
    return {**page, "Tags": show_tags(dict(page["Tags"]))}
