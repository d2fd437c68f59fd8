"""May the caller: their policies, and for a role whom it trusts. Every decision is kept in the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control_plane.api.aws.authorize import circumstances_of, record
from control_plane.api.middleware import Trace
from control_plane.api.query.routes import QueryRoute
from control_plane.domain.errors import Code, ServiceError
from control_plane.iam.authorize import (
    Caller,
    Ruling,
    context_of,
    decide,
    describe_refusal,
    tag_context,
)
from control_plane.iam.canonical import Request
from control_plane.iam.evaluate import (
    Decision,
    Layer,
    Outcome,
    Question,
    evaluate_trust,
    make_context,
)
from control_plane.iam.policy import Kind
from control_plane.operations.access import PolicyReader
from control_plane.operations.service import Service
from control_plane.store import policies, principals
from control_plane.store.principals import Principal


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """One action, by a caller who was recognised."""

    route: QueryRoute
    caller: Caller
    given: Mapping[str, Any]
    request: Request


def authorize(service: Service, reader: PolicyReader, asked: AskedQuery, trace: Trace) -> None:
    """Return when the caller may. Raises ServiceError(ACCESS_DENIED)."""
    resource = asked.route.resource(service, asked.caller, asked.given)
    with service.db.read() as conn:
        target = principals.find_by_arn(conn, resource)
        policy = policies.find(conn, resource) if target is None else None
    tags = policy.tags if policy is not None else {} if target is None else target.details.get("Tags", {})
    context = _make_context(service, asked, trace, target, tags)
    ruling = _rule(service, reader, asked, resource, context, target)
    reads = asked.route.name.startswith(("Get", "List", "Simulate")) and asked.route.name != "GetSessionToken"
    detail = ", ".join(sorted(asked.given))
    record(service, asked.caller, ruling, trace, detail, soon=ruling.allowed and reads)
    trace.resource, trace.reason = ruling.resource, ruling.reason
    if not ruling.allowed:
        raise ServiceError(Code.ACCESS_DENIED, describe_refusal(asked.caller, ruling))


def _rule(
    service: Service,
    reader: PolicyReader,
    asked: AskedQuery,
    resource: str,
    context: Mapping[str, object],
    target: Principal | None,
) -> Ruling:
    action = asked.route.action
    if asked.route.needs == "nothing":
        return Ruling(action, resource, Decision(Outcome.ALLOWED))
    if asked.route.needs == "policies":
        ruling = decide(asked.caller, action, [resource], context)
        if asked.route.also is None or not ruling.allowed:
            return ruling
        return decide(asked.caller, action, [asked.route.also(service, asked.caller, asked.given)], context)
    if target is None or target.trust is None:  # nobody learns from this which roles there are
        return Ruling(action, resource, Decision(Outcome.IMPLICIT_DENY, (), Layer.RESOURCE))
    made, trust = make_context(context), reader.read(target.name, target.trust, Kind.TRUST)
    rulings = []
    for one in (action, *_needed_beside(asked.given)):
        question = Question(one, resource, asked.caller.identity, made)
        rulings.append(Ruling(one, resource, evaluate_trust(question, asked.caller.policies, trust)))
    return next((ruling for ruling in rulings if not ruling.allowed), rulings[0])


def _needed_beside(given: Mapping[str, Any]) -> list[str]:
    """What a session may only be given by those who may do that, too: else they would name their own rights."""
    found = ["sts:TagSession"] if given.get("Tags") else []
    return [*found, "sts:SetSourceIdentity"] if given.get("SourceIdentity") else found


def _make_context(
    service: Service, asked: AskedQuery, trace: Trace, target: Principal | None, tags: Mapping[str, str]
) -> dict[str, object]:
    given = asked.given
    listed = given.get("Tags") or []
    brought = {str(tag.get("Key")): str(tag.get("Value")) for tag in listed if isinstance(tag, dict)}
    taken = [str(key) for key in given.get("TagKeys") or []]
    return {
        **context_of(asked.caller, circumstances_of(service, asked.request, trace)),
        **tag_context(brought, taken, tags),
        **{f"iam:ResourceTag/{key}": value for key, value in tags.items()},
        "iam:PolicyARN": given.get("PolicyArn"),
        "iam:PermissionsBoundary": given.get("PermissionsBoundary") or (target.boundary if target else None),
        "sts:ExternalId": given.get("ExternalId"),
        "sts:SourceIdentity": given.get("SourceIdentity"),
        "sts:RoleSessionName": given.get("RoleSessionName"),
    }
