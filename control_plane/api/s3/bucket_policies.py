"""What must be known of a policy before it is evaluated: whether it asks for circumstances, whom it lets in. Pure."""

from __future__ import annotations

from control_plane.iam.grammar import parse
from control_plane.iam.policy import Kind, MalformedPolicy, Policy, Statement

_NARROWING = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
    }
)
"""Condition keys that keep `Principal: *` from meaning just anybody."""


def needs_context(policy: Policy) -> bool:
    """Whether a decision by it depends on more than who, what and which."""
    return any(
        statement.conditions or any("${" in one for one in (*statement.resources, *statement.not_resources))
        for statement in policy.statements
    )


def is_public(text: str, bucket: str) -> bool:
    """Whether a bucket policy lets in just anybody. Raises MalformedPolicy."""
    policy = parse(text, Kind.RESOURCE)
    for statement in policy.statements:
        _check(statement, bucket)
    return any(map(_lets_anybody, policy.statements))


def _check(statement: Statement, bucket: str) -> None:
    if statement.allows and statement.not_principals is not None:
        raise MalformedPolicy("Allow with NotPrincipal is not allowed.")
    for action in (*statement.actions, *statement.not_actions):
        if action != "*" and action.partition(":")[0].lower() != "s3":
            raise MalformedPolicy("Policy has invalid action")
    arn = f"arn:aws:s3:::{bucket}"
    for resource in (*statement.resources, *statement.not_resources):
        if resource != arn and not resource.startswith(f"{arn}/") and resource != f"{arn}*":
            raise MalformedPolicy("Policy has invalid resource")


def _lets_anybody(statement: Statement) -> bool:
    if not statement.allows:
        return False
    principals = statement.principals or {}
    anybody = "*" in principals.get("AWS", ())
    narrowed = any(condition.key.lower() in _NARROWING for condition in statement.conditions)
    return anybody and not narrowed
