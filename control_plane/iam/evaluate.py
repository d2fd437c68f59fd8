"""May this be done? The policies of a caller, a request, and a decision that can say why. Pure.

An explicit deny anywhere wins. Otherwise the caller's own policies must allow it, and so must every limit there
is: the permissions boundary, the session's policies. A policy of the resource may allow what the caller's own do
not, and goes past the limits only when it names the caller itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from control_plane.iam.conditions import holds
from control_plane.iam.patterns import Context, Unresolved, matches, matches_arn
from control_plane.iam.policy import Policy, Statement
from control_plane.iam.principals import Identity, Named, name_in


class Outcome(StrEnum):
    """What comes out, in the words of AWS's simulator."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


class Layer(StrEnum):
    """Where a policy stands."""

    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"


@dataclass(frozen=True, slots=True)
class Source:
    """A policy with the name its owner knows it by."""

    name: str
    policy: Policy
    text: str = ""
    """Of its document."""


@dataclass(frozen=True, slots=True)
class Policies:
    """Everything that has a say. A boundary or session of None is no limit; an empty one allows nothing."""

    identity: tuple[Source, ...] = ()
    boundary: tuple[Source, ...] | None = None
    session: tuple[Source, ...] | None = None
    resource: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. Context keys are in lower case: `make_context`."""

    action: str
    resource: str
    identity: Identity
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """A statement that decided."""

    layer: Layer
    source: str
    number: int
    """Its place in the policy, from 1."""
    sid: str
    named: Named = Named.SELF
    text: str = field(default="", repr=False)
    """Of the document."""

    def __str__(self) -> str:
        sid = f" ({self.sid})" if self.sid else ""
        return f"{self.layer} {self.source}, statement {self.number}{sid}"


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome and what made it."""

    outcome: Outcome
    matches: tuple[Match, ...] = ()
    missing: Layer | None = None
    """Of an implicit deny: the layer that should have allowed it."""

    @property
    def allowed(self) -> bool:
        """Whether it may be done."""
        return self.outcome is Outcome.ALLOWED

    def explain(self, action: str) -> str:
        """Why, as the end of AWS's sentence about a refusal."""
        if self.outcome is Outcome.EXPLICIT_DENY:
            return f"with an explicit deny in {_article(self.matches[0].layer)}"
        if self.missing is not None:
            return f"because no {self.missing} allows the {action} action"
        return "allowed by " + ("; ".join(map(str, self.matches)) or "being signed: it needs no permission")


def make_context(values: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """Condition keys for a question: names in lower case, one value or many, None left out."""
    found: dict[str, tuple[str, ...]] = {}
    for key, value in values.items():
        if value is None:
            continue
        many = value if isinstance(value, list | tuple | set | frozenset) else (value,)
        found[key.lower()] = tuple(_to_text(one) for one in many)
    return found


def evaluate(question: Question, policies: Policies) -> Decision:
    """The decision."""
    layers = {
        Layer.IDENTITY: policies.identity,
        Layer.BOUNDARY: policies.boundary or (),
        Layer.SESSION: policies.session or (),
        Layer.RESOURCE: policies.resource,
    }
    found = {layer: list(_find_matches(question, layer, sources)) for layer, sources in layers.items()}
    denied = tuple(match for matched in found.values() for match, allows in matched if not allows)
    if denied:
        return Decision(Outcome.EXPLICIT_DENY, denied)
    allowed = {layer: tuple(match for match, _ in matched) for layer, matched in found.items()}
    limits = [Layer.BOUNDARY] if policies.boundary is not None else []
    limits += [Layer.SESSION] if policies.session is not None else []
    return _decide(allowed, limits)


def evaluate_trust(question: Question, policies: Policies, trust: Source) -> Decision:
    """As `evaluate` for a resource whose own policy must agree, whatever the caller's allow: a role."""
    decision = evaluate(question, replace(policies, resource=(trust,)))
    if decision.outcome is Outcome.EXPLICIT_DENY:
        return decision
    if not any(allows for _, allows in _find_matches(question, Layer.RESOURCE, [trust])):
        return Decision(Outcome.IMPLICIT_DENY, (), Layer.RESOURCE)
    return decision


def _decide(allowed: Mapping[Layer, tuple[Match, ...]], limits: list[Layer]) -> Decision:
    resource = tuple(match for match in allowed[Layer.RESOURCE] if match.named > Named.ACCOUNT)
    itself = tuple(match for match in resource if match.named is Named.SELF)
    if itself:
        return Decision(Outcome.ALLOWED, itself)
    granted = allowed[Layer.IDENTITY] or resource
    missing = next(
        (
            layer
            for layer, matched in [(Layer.IDENTITY, granted), *((one, allowed[one]) for one in limits)]
            if not matched
        ),
        None,
    )
    if missing is not None:
        return Decision(Outcome.IMPLICIT_DENY, (), missing)
    return Decision(
        Outcome.ALLOWED, tuple(granted) + tuple(match for one in limits for match in allowed[one])
    )


def _find_matches(
    question: Question, layer: Layer, sources: Iterable[Source]
) -> Iterator[tuple[Match, bool]]:
    for source in sources:
        for number, statement in enumerate(source.policy.statements, 1):
            named = name_in(statement, question.identity) if layer is Layer.RESOURCE else Named.SELF
            if named and applies(statement, question, source.policy.variables):
                match = Match(layer, source.name, number, statement.sid, named, source.text)
                yield match, statement.allows


def applies(statement: Statement, question: Question, variables: bool) -> bool:
    """Whether a statement is about the question: its action, its resource, its conditions."""
    return (
        _is_about_action(statement, question)
        and _is_about_resource(statement, question, variables)
        and all(holds(one, question.context, variables, statement.allows) for one in statement.conditions)
    )


def _is_about_action(statement: Statement, question: Question) -> bool:
    patterns = statement.actions or statement.not_actions
    fits = any(matches(one, question.action, {}, False, fold=True) for one in patterns)
    return fits is bool(statement.actions)


def _is_about_resource(statement: Statement, question: Question, variables: bool) -> bool:
    """A trust policy has neither element: it is about its own role.

    A NotResource that cannot be known excludes nothing from a deny and everything from an allow.
    """
    if statement.resources:
        return any(_fits_resource(one, question, variables, False) for one in statement.resources)
    unknown = statement.allows
    return not any(_fits_resource(one, question, variables, unknown) for one in statement.not_resources)


def _fits_resource(pattern: str, question: Question, variables: bool, unknown: bool) -> bool:
    try:
        return matches_arn(pattern, question.resource, question.context, variables)
    except Unresolved:
        return unknown


def _article(layer: Layer) -> str:
    return f"{'an' if layer is Layer.IDENTITY else 'a'} {layer}"


def _to_text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
