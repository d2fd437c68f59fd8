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
_DETAIL = 500
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
    """The Airflow role the caller has in what they ask for.

    Every decision is kept; about a write, or a refusal, before it is done. Raises ServiceError(ACCESS_DENIED).
    """
    resources = asked.route.resources(service, asked.path)
    context = _make_context(service, asked, trace)
    rulings = [decide(asked.caller, asked.route.action, resources, context)]
    if rulings[0].allowed:
        rulings += _decide_about_role(asked, context)
    writes, detail = asked.route.writes(asked.body), _detail_of(asked)
    for ruling in rulings:
        record(service, asked.caller, ruling, trace, detail, soon=ruling.allowed and not writes)
    trace.resource, trace.reason = rulings[0].resource, rulings[-1].reason
    if not rulings[-1].allowed:
        raise ServiceError(Code.ACCESS_DENIED, _describe(asked, rulings[-1], len(resources)))
    if asked.route.roles is not None:
        return reach_role(asked.caller, asked.route.roles(service, asked.path), context)
    return rulings[0].resource.rpartition("/")[2]


def record(
    service: Service, caller: Caller, ruling: Ruling, trace: Trace, detail: str = "", soon: bool = False
) -> None:
    """Add a decision to the audit trail; `soon` for one that only reads."""
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
        detail=to_detail(detail),
    )
    if soon:
        service.trail.put_soon(entry)
    else:
        service.trail.put(entry)


def to_detail(text: str) -> str | None:
    """What a request named, cut, with nothing in it that could forge a line where it is shown."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text[:_DETAIL]) or None


def _detail_of(asked: Asked) -> str:
    """Which members the request gives, not what they are; of a REST call its method and path, not its query."""
    given = asked.body
    if "Method" in given and "Path" in given:
        return f"{given['Method']} {str(given['Path']).partition('?')[0]}"
    return ", ".join(sorted(given))


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
