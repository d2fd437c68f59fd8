"""Policy evaluation: what each request may do under its policies, and documents that are no policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from control_plane.iam.evaluate import Outcome, Policies, Question, Source, evaluate, make_context
from control_plane.iam.grammar import read
from control_plane.iam.policy import Kind, MalformedPolicy
from control_plane.iam.principals import Identity
from tests.vectors.report import Report, tally

WORDS = {
    Outcome.ALLOWED: "Allowed",
    Outcome.EXPLICIT_DENY: "ExplicitlyDenied",
    Outcome.IMPLICIT_DENY: "ImplicitlyDenied",
}


def run(data: Mapping[str, Any]) -> Report:
    """Judge every case, also those where the documentation and the oracle disagree: the documentation counts."""
    return tally(_outcomes(data))


def _outcomes(data: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for case in (*data.get("cases", ()), *data.get("disagreements", ())):
        yield case["id"], fault_of(case)
    for case in data.get("invalid_documents", ()):
        yield case["id"], fault_of_document(case["policy"])


def fault_of(case: Mapping[str, Any]) -> str | None:
    """How our decision differs from the expected one."""
    try:
        got = WORDS[decide(case)]
    except MalformedPolicy as error:
        return f"expected {case['expect']}, refused the policy: {error}"
    return None if got == case["expect"] else f"expected {case['expect']}, got {got}"


def decide(case: Mapping[str, Any]) -> Outcome:
    """Our decision about a case. Raises MalformedPolicy."""
    policies = Policies(
        identity=_sources(case, "policies") or (),
        boundary=_sources(case, "permissions_boundary"),
        session=_sources(case, "session_policies") or _sources(case, "session_policy"),
        resource=_sources(case, "resource_policy", Kind.RESOURCE) or (),
    )
    who = case.get("principal", "")
    context = make_context(case.get("context", {}))
    question = Question(case["action"], case["resource"], Identity(who, who), context)
    return evaluate(question, policies).outcome


def fault_of_document(document: Any) -> str | None:
    """None when the document is refused."""
    try:
        read(document)
    except MalformedPolicy:
        return None
    return "accepted, and should be refused"


def _sources(case: Mapping[str, Any], member: str, kind: Kind = Kind.IDENTITY) -> tuple[Source, ...] | None:
    given = case.get(member)
    if given is None:
        return None
    listed = given if isinstance(given, list) else [given]
    return tuple(Source(f"{member}-{number}", read(one, kind)) for number, one in enumerate(listed))
