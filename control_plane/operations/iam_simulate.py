"""The policy simulator: what would be decided, and which statements would decide it. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from control_plane.domain.errors import Code, ServiceError
from control_plane.iam.evaluate import (
    Layer,
    Match,
    Outcome,
    Policies,
    Question,
    Source,
    evaluate,
    make_context,
)
from control_plane.iam.grammar import parse
from control_plane.iam.patterns import find_variables
from control_plane.iam.policy import Kind
from control_plane.iam.principals import Identity
from control_plane.iam.spans import find_span
from control_plane.operations.access import PolicyReader, load_policies
from control_plane.operations.iam_entities import check_document, make_page, no_such_entity
from control_plane.operations.service import Call, Service
from control_plane.store import principals
from control_plane.store.principals import Principal


def simulate_principal(service: Service, call: Call) -> dict[str, Any]:
    """SimulatePrincipalPolicy: a user's or role's policies, and more where given."""
    own, found = _load(service, call.body["PolicySourceArn"])
    arn = call.body.get("CallerArn", found.arn)
    return _simulate(call, _add_given(own, call.body), Identity(arn, arn), _context_of(found))


def simulate_custom(service: Service, call: Call) -> dict[str, Any]:
    """SimulateCustomPolicy: only the policies given."""
    arn = call.body.get("CallerArn", "")
    if "ResourcePolicy" in call.body and not arn:
        raise ServiceError(
            Code.INVALID_INPUT, "CallerArn is required with ResourcePolicy: who is its principal?"
        )
    return _simulate(call, _add_given(Policies(), call.body), Identity(arn, arn), {})


def context_keys_of_custom(service: Service, call: Call) -> dict[str, Any]:
    """GetContextKeysForCustomPolicy: what the policies given ask about a request."""
    return {"ContextKeyNames": sorted(_keys_of(_add_given(Policies(), call.body)))}


def context_keys_of_principal(service: Service, call: Call) -> dict[str, Any]:
    """GetContextKeysForPrincipalPolicy: what a principal's policies, and more where given, ask about a request."""
    own, _ = _load(service, call.body["PolicySourceArn"])
    return {"ContextKeyNames": sorted(_keys_of(_add_given(own, call.body)))}


def _load(service: Service, arn: str) -> tuple[Policies, Principal]:
    """A principal with its policies. Raises ServiceError(NO_SUCH_ENTITY)."""
    with service.db.read() as conn:
        found = principals.find_by_arn(conn, arn)
        if found is None:
            raise no_such_entity(f"The principal {arn} cannot be found.")
        return load_policies(conn, PolicyReader(), found), found


def _add_given(own: Policies, given: Mapping[str, Any]) -> Policies:
    more = _sources("PolicyInputList", given)
    policies = replace(own, identity=(*own.identity, *more))
    if "PermissionsBoundaryPolicyInputList" in given:
        policies = replace(policies, boundary=_sources("PermissionsBoundaryPolicyInputList", given))
    if "ResourcePolicy" in given:
        check_document(given["ResourcePolicy"], Kind.RESOURCE)
        text = given["ResourcePolicy"]
        resource = Source("ResourcePolicy", parse(text, Kind.RESOURCE), text)
        policies = replace(policies, resource=(resource,))
    return policies


def _sources(member: str, given: Mapping[str, Any]) -> tuple[Source, ...]:
    documents = given.get(member, [])
    for document in documents:
        check_document(document)
    return tuple(Source(f"{member}.{number}", parse(text), text) for number, text in enumerate(documents, 1))


def _context_of(principal: Principal) -> dict[str, object]:
    return {
        "aws:PrincipalArn": principal.arn,
        "aws:userid": principal.id,
        "aws:username": principal.name if principal.kind == "user" else None,
        **{f"aws:PrincipalTag/{key}": value for key, value in principal.details.get("Tags", {}).items()},
    }


def _simulate(
    call: Call, policies: Policies, identity: Identity, known: Mapping[str, object]
) -> dict[str, Any]:
    entries = call.body.get("ContextEntries", [])
    given = {entry["ContextKeyName"]: entry.get("ContextKeyValues", []) for entry in entries}
    context = make_context({**known, **given})
    missing = sorted(key for key in _keys_of(policies) if key.lower() not in context)
    questions = [
        Question(action, resource, identity, context)
        for action in call.body["ActionNames"]
        for resource in call.body.get("ResourceArns") or ["*"]
    ]
    numbered = [(f"{number:06d}", one) for number, one in enumerate(questions, 1)]
    page = make_page(call.body, "EvaluationResults", numbered, lambda pair: pair[0])
    results = [_evaluate(one, policies, missing) for _, one in page["EvaluationResults"]]
    return {**page, "EvaluationResults": results}


def _evaluate(question: Question, policies: Policies, missing: list[str]) -> dict[str, Any]:
    decision = evaluate(question, policies)
    result: dict[str, Any] = {
        "EvalActionName": question.action,
        "EvalResourceName": question.resource,
        "EvalDecision": decision.outcome.value,
        "MatchedStatements": [_show(match) for match in decision.matches],
        "MissingContextValues": missing,
    }
    if policies.boundary is not None:
        limits = evaluate(question, Policies(identity=policies.boundary))
        allowed = limits.outcome is Outcome.ALLOWED
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
    return result


def _show(match: Match) -> dict[str, Any]:
    kind = "Resource Policy" if match.layer is Layer.RESOURCE else "IAM Policy"
    shown: dict[str, Any] = {"SourcePolicyId": match.source, "SourcePolicyType": kind}
    span = find_span(match.text, match.number)
    if span is not None:
        start, end = ({"Line": place.line, "Column": place.column} for place in span)
        shown |= {"StartPosition": start, "EndPosition": end}
    return shown


def _keys_of(policies: Policies) -> set[str]:
    """The condition keys that have a say: those of conditions, and those that variables stand for."""
    sources = (*policies.identity, *(policies.boundary or ()), *policies.resource)
    found: set[str] = set()
    for source in sources:
        for statement in source.policy.statements:
            texts = [*statement.resources, *statement.not_resources]
            for condition in statement.conditions:
                found.add(condition.key)
                texts += condition.values
            if source.policy.variables:
                found.update(*map(find_variables, texts))
    return found
