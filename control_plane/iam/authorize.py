"""May this caller do this to that? Pure: the caller with its policies, a request's context, a decision with reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from control_plane.iam.dates import to_iso
from control_plane.iam.evaluate import Decision, Outcome, Policies, Question, evaluate, make_context
from control_plane.iam.principals import Identity

AIRFLOW_ROLES = ("Admin", "Op", "User", "Viewer", "Public")
"""From the mightiest down."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed the request, and what they may do."""

    arn: str
    """Of the user, or of the session of a role."""
    access_key_id: str
    principal_arn: str = ""
    """Of the user or role."""
    principal_id: str = ""
    """Our id of the user or role: AIDA..., AROA..."""
    user_id: str = ""
    """`aws:userid`: of a role's session with the session's name."""
    username: str | None = None
    """Of users only."""
    issued_at: float | None = None
    """When a temporary key was issued."""
    tags: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None
    """The source identity of a role's session: who began the chain of roles."""
    policies: Policies = field(default_factory=Policies)

    @property
    def name(self) -> str:
        """The last part of the ARN: how Airflow shows them."""
        return self.arn.rpartition("/")[2]

    @property
    def is_session(self) -> bool:
        """Whether a role was assumed."""
        return self.username is None

    @property
    def identity(self) -> Identity:
        """As policies see the caller."""
        return Identity(self.arn, self.principal_arn or self.arn)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a request says about itself without being asked."""

    now: float
    region: str = ""
    source_ip: str | None = None
    user_agent: str | None = None
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision about one of several resources."""

    action: str
    resource: str
    decision: Decision

    @property
    def allowed(self) -> bool:
        """Whether it may be done."""
        return self.decision.allowed

    @property
    def reason(self) -> str:
        """Why, in words for the audit trail."""
        if self.decision.outcome is Outcome.EXPLICIT_DENY:
            return "denied by " + "; ".join(map(str, self.decision.matches))
        return self.decision.explain(self.action)


def context_of(caller: Caller, circumstances: Circumstances) -> dict[str, object]:
    """The global condition keys of a request."""
    now = circumstances.now
    return {
        "aws:PrincipalArn": caller.identity.principal_arn,
        "aws:PrincipalAccount": caller.identity.account,
        "aws:PrincipalType": "AssumedRole" if caller.is_session else "User",
        "aws:userid": caller.user_id or None,
        "aws:username": caller.username,
        "aws:CurrentTime": to_iso(now),
        "aws:EpochTime": str(int(now)),
        "aws:TokenIssueTime": None if caller.issued_at is None else to_iso(caller.issued_at),
        "aws:MultiFactorAuthPresent": None if caller.issued_at is None else "false",
        "aws:SourceIdentity": caller.source,
        "aws:SourceIp": circumstances.source_ip,
        "aws:UserAgent": circumstances.user_agent,
        "aws:SecureTransport": circumstances.secure,
        "aws:RequestedRegion": circumstances.region or None,
        **{f"aws:PrincipalTag/{key}": value for key, value in caller.tags.items()},
    }


def tag_context(
    request: Mapping[str, str], taken: Iterable[str], resource: Mapping[str, str]
) -> dict[str, object]:
    """The condition keys of tags: those a request brings, those it takes away, those its resource has."""
    keys = [*request, *taken]
    return {
        **{f"aws:RequestTag/{key}": value for key, value in request.items()},
        **{f"aws:ResourceTag/{key}": value for key, value in resource.items()},
        "aws:TagKeys": keys or None,
    }


def decide(caller: Caller, action: str, resources: Iterable[str], context: Mapping[str, object]) -> Ruling:
    """About the first of the resources that may be acted on; if there is none, about the first."""
    made = make_context(context)
    refused: Ruling | None = None
    for resource in resources:
        question = Question(action, resource, caller.identity, made)
        ruling = Ruling(action, resource, evaluate(question, caller.policies))
        if ruling.allowed:
            return ruling
        refused = refused or ruling
    if refused is None:
        raise ValueError(f"cannot decide about {action}: it names no resource")
    return refused


ROLE_ACTIONS = ("airflow:CreateWebLoginToken", "airflow:InvokeRestApi")


def reach_role(caller: Caller, roles: Sequence[str], context: Mapping[str, object]) -> str:
    """The Airflow role of a caller whose action is on the environment as a whole: `roles` are its resources.

    The mightiest that one of the two actions on roles reaches. Who has been granted none works as MWAA lets them:
    with the mightiest that neither action is explicitly denied on, and as Public when there is none.
    """
    made = make_context(context)

    def outcomes(resource: str) -> set[Outcome]:
        questions = (Question(action, resource, caller.identity, made) for action in ROLE_ACTIONS)
        return {evaluate(question, caller.policies).outcome for question in questions}

    found = {resource: outcomes(resource) for resource in roles}
    granted = [resource for resource in roles if Outcome.ALLOWED in found[resource]]
    left = [resource for resource in roles if Outcome.EXPLICIT_DENY not in found[resource]]
    return [*granted, *left, AIRFLOW_ROLES[-1]][0].rpartition("/")[2]


def describe_refusal(caller: Caller, ruling: Ruling) -> str:
    """AWS's sentence: who may not do what to which, and why."""
    who = f"User: {caller.arn} is not authorized to perform: {ruling.action}"
    return f"{who} on resource: {ruling.resource} {ruling.decision.explain(ruling.action)}"
