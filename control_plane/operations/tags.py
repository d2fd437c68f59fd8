"""TagResource, UntagResource, ListTagsForResource. Tags change at once, whatever the environment's status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from control_plane.domain import model
from control_plane.domain.environment import arn
from control_plane.domain.errors import not_found
from control_plane.domain.shapes import Violation
from control_plane.domain.validation import check_tag_keys, refuse, validate
from control_plane.operations.service import Call, Service
from control_plane.store import environments

_MOST = 50


def list_tags(service: Service, call: Call) -> dict[str, Any]:
    """The tags of an environment."""
    validate(model.TAGGED, dict(call.path))
    name = _name_of(service, call.path["ResourceArn"])
    with service.db.read() as conn:
        return {"Tags": environments.get(conn, name).spec["Tags"]}


def tag_resource(service: Service, call: Call) -> dict[str, Any]:
    """Add tags, over those of the same keys."""
    validate(model.TAG, {**call.body, **call.path})
    given: dict[str, str] = call.body["Tags"]
    refuse(list(check_tag_keys(given, "tags")))
    return _change(service, call, lambda tags: {**tags, **given})


def untag_resource(service: Service, call: Call) -> dict[str, Any]:
    """Take tags away; keys that are not there are no fault."""
    keys = call.repeated.get("tagKeys")
    validate(model.UNTAG, {"tagKeys": keys, **call.path})
    refuse(list(check_tag_keys(keys or [], "tagKeys")))
    taken = set(keys or [])
    return _change(service, call, lambda tags: {key: tags[key] for key in tags if key not in taken})


def _change(
    service: Service, call: Call, change: Callable[[dict[str, str]], dict[str, str]]
) -> dict[str, Any]:
    name = _name_of(service, call.path["ResourceArn"])
    with service.db.begin() as conn:
        tags = change(environments.get(conn, name, lock=True).spec["Tags"])
        if len(tags) > _MOST:
            rule = f"Member must have length less than or equal to {_MOST}, with those there are"
            refuse([Violation("tags", rule)])
        environments.put_tags(conn, name, tags)
    return {}


def _name_of(service: Service, resource: str) -> str:
    """The environment an ARN names. Raises ServiceError(NOT_FOUND) for one of another account or region."""
    name = resource.rpartition(":environment/")[2]
    if resource != arn(service.region, service.account_id, name):
        raise not_found(resource)
    return name
