"""May the caller, what is asked, on which resource: the decision, its words, and its trace in the audit trail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from control_plane.api.middleware import Trace
from control_plane.api.routes import Route
from control_plane.domain.errors import Code, ServiceError
from control_plane.iam.authorize import (
    Caller,
    Circumstances,
    Ruling,
    context_of,
    decide,
    describe_refusal,
    reach_role,
    tag_context,
)
from control_plane.iam.canonical import Request
from control_plane.operations.service import Service
from control_plane.store import audit, environments

PASS_ROLE = "iam:PassRole"  # noqa: S105 - an action, not a secret
_NAME = re.compile("[a-zA-Z][0-9a-zA-Z_-]{0,79}")
_PASSED_TO = {"iam:PassedToService": "airflow.amazonaws.com"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for an operation, by a caller who was recognised."""

    route: Route
    caller: Caller
    path: Mapping[str, str]
    body: Mapping[str, Any]
    request: Request


def authorize(service: Service, asked: Asked, trace: Trace) -> str:
    """The Airflow role the caller has in what they ask for. Every decision about a write, and every refusal, is kept.

    Raises ServiceError(ACCESS_DENIED).
    """
    resources = asked.route.resources(service, asked.path)
    context = _make_context(service, asked, trace)
    rulings = [decide(asked.caller, asked.route.action, resources, context)]
    if rulings[0].allowed:
        rulings += _decide_about_role(asked, context)
    writes = asked.route.writes(asked.body)
    for ruling in rulings:
        if writes or not ruling.allowed:
            record(service, asked.caller, ruling, trace)
    trace.resource, trace.reason = rulings[0].resource, rulings[-1].reason
    if not rulings[-1].allowed:
        raise ServiceError(Code.ACCESS_DENIED, _describe(asked, rulings[-1], len(resources)))
    if asked.route.roles is not None:
        return reach_role(asked.caller, asked.route.roles(service, asked.path), context)
    return rulings[0].resource.rpartition("/")[2]


def record(service: Service, caller: Caller, ruling: Ruling, trace: Trace) -> None:
    """Add a decision to the audit trail."""
    entry = audit.Entry(
        at=service.clock(),
        caller=caller.arn,
        action=ruling.action,
        resource=ruling.resource.replace("\0", "\ufffd"),
        decision="allow" if ruling.allowed else "deny",
        reason=ruling.reason,
        request_id=trace.request_id,
        access_key_id=caller.access_key_id,
        source_ip=trace.source_ip,
    )
    with service.db.begin() as conn:
        audit.append(conn, entry)


def circumstances_of(service: Service, request: Request, trace: Trace) -> Circumstances:
    """What is true of a request as it came."""
    agents = request.values("user-agent")
    return Circumstances(
        now=service.clock(),
        region=service.region,
        source_ip=trace.source_ip,
        user_agent=agents[0].decode("latin-1") if agents else None,
        secure=trace.secure,
    )


def _decide_about_role(asked: Asked, context: Mapping[str, object]) -> Iterator[Ruling]:
    """What an environment may, whoever gives it its role may: so they must be allowed to pass that role on."""
    given = asked.body.get(asked.route.passes) if asked.route.passes else None
    if isinstance(given, str) and given:
        yield decide(asked.caller, PASS_ROLE, [given], {**context, **_PASSED_TO})


def _make_context(service: Service, asked: Asked, trace: Trace) -> dict[str, object]:
    return {
        **context_of(asked.caller, circumstances_of(service, asked.request, trace)),
        **tag_context(_brought(asked), _taken(asked), _resource_tags(service, asked)),
    }


def _brought(asked: Asked) -> dict[str, str]:
    given = asked.body.get("Tags")
    return {key: str(value) for key, value in given.items()} if isinstance(given, dict) else {}


def _taken(asked: Asked) -> list[str]:
    return [value.decode("utf-8", "replace") for key, value in asked.request.query if key == b"tagKeys"]


def _resource_tags(service: Service, asked: Asked) -> dict[str, str]:
    """Tags of the environment, read only when a policy asks for them."""
    path = asked.path
    policies = asked.caller.policies
    sources = (*policies.identity, *(policies.boundary or ()), *(policies.session or ()))
    if not any(source.policy.asks_for("aws:resourcetag/") for source in sources):
        return {}
    name = path.get("Name") or path.get("ResourceArn", "").rpartition("environment/")[2]
    if _NAME.fullmatch(name) is None:
        return {}
    with service.db.read() as conn:
        found = environments.find(conn, name)
    return {} if found is None else dict(found.spec["Tags"])


def _describe(asked: Asked, ruling: Ruling, choices: int) -> str:
    words = describe_refusal(asked.caller, ruling)
    if choices == 1 or ruling.action == PASS_ROLE:
        return words
    head, because, tail = words.partition(ruling.resource)
    return f"{head}{because} or any other Airflow role of the environment{tail}"
