"""Policy documents: AWS's JSON, read strictly. Pure.

What is read here can be evaluated without a further question; what cannot is refused with AWS's sentence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from control_plane.iam.conditions import Condition, find_operator
from control_plane.iam.policy import Kind, MalformedPolicy, Policy, Statement

VERSIONS = ("2012-10-17", "2008-10-17")
SYNTAX = "Syntax errors in policy."

_DOCUMENT = {"Version", "Id", "Statement"}
_STATEMENT = {
    "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition",
}  # fmt: skip
_PRINCIPALS = {"AWS", "Service", "Federated", "CanonicalUser"}
_SID = re.compile(r"[0-9A-Za-z]*")
_VENDOR = re.compile(r"[A-Za-z0-9-]+")
_NOT_VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."


def parse(text: str, kind: Kind = Kind.IDENTITY) -> Policy:
    """The policy in a JSON text. Raises MalformedPolicy."""
    try:
        document = json.loads(text, object_pairs_hook=_refuse_twins)
    except (ValueError, RecursionError):
        raise MalformedPolicy(SYNTAX) from None
    return read(document, kind)


def read(document: Any, kind: Kind = Kind.IDENTITY) -> Policy:
    """The policy in a decoded document. Raises MalformedPolicy."""
    if not isinstance(document, dict) or not _DOCUMENT.issuperset(document):
        raise MalformedPolicy(SYNTAX)
    version = document.get("Version", VERSIONS[1])
    if version not in VERSIONS:
        raise MalformedPolicy("The policy must contain a valid version string")
    if not isinstance(document.get("Id", ""), str):
        raise MalformedPolicy(SYNTAX)
    given = document.get("Statement")
    listed = [given] if isinstance(given, dict) else given
    if not isinstance(listed, list) or not listed:
        raise MalformedPolicy(SYNTAX)
    statements = tuple(_read_statement(one, kind) for one in listed)
    named = [statement.sid for statement in statements if statement.sid]
    if len(set(named)) != len(named):
        raise MalformedPolicy("Statement IDs (SID) in a single policy must be unique.")
    return Policy(statements, variables=version == VERSIONS[0])


def _refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member twice")
    return found


def _read_statement(given: Any, kind: Kind) -> Statement:
    if not isinstance(given, dict) or not _STATEMENT.issuperset(given):
        raise MalformedPolicy(SYNTAX)
    if given.get("Effect") not in ("Allow", "Deny"):
        raise MalformedPolicy(SYNTAX)
    _check_members(given, kind)
    actions, not_actions = _texts(given, "Action"), _texts(given, "NotAction")
    resources, not_resources = _texts(given, "Resource"), _texts(given, "NotResource")
    _check_actions((*actions, *not_actions), kind)
    _check_resources((*resources, *not_resources))
    return Statement(
        allows=given["Effect"] == "Allow",
        sid=_read_sid(given.get("Sid", ""), kind),
        actions=actions,
        not_actions=not_actions,
        resources=resources,
        not_resources=not_resources,
        principals=_read_principals(given, "Principal"),
        not_principals=_read_principals(given, "NotPrincipal"),
        conditions=_read_conditions(given.get("Condition", {})),
    )


def _check_members(given: Mapping[str, Any], kind: Kind) -> None:
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")):
        if one in given and other in given:
            raise MalformedPolicy(SYNTAX)
    if "Action" not in given and "NotAction" not in given:
        raise MalformedPolicy("Policy statement must contain actions.")
    principal = next((name for name in ("Principal", "NotPrincipal") if name in given), None)
    resource = next((name for name in ("Resource", "NotResource") if name in given), None)
    if kind is Kind.IDENTITY and principal is not None:
        raise MalformedPolicy("Policy document should not specify a principal.")
    if kind is not Kind.IDENTITY and principal is None:
        raise MalformedPolicy("Missing required field Principal")
    if kind is Kind.TRUST and resource is not None:
        raise MalformedPolicy(f"Has prohibited field {resource}")
    if kind is not Kind.TRUST and resource is None:
        raise MalformedPolicy("Policy statement must contain resources.")


def _texts(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A text or a list of texts; none when the member is not there."""
    if name not in given:
        return ()
    found = given[name] if isinstance(given[name], list) else [given[name]]
    if not all(isinstance(one, str) for one in found):
        raise MalformedPolicy(SYNTAX)
    if not found:
        word = "actions" if name.endswith("Action") else "resources"
        raise MalformedPolicy(f"Policy statement must contain {word}.")
    return tuple(found)


def _read_sid(sid: Any, kind: Kind) -> str:
    if not isinstance(sid, str):
        raise MalformedPolicy(SYNTAX)
    if kind is Kind.IDENTITY and not _SID.fullmatch(sid):
        raise MalformedPolicy(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
            "[0-9A-Za-z]*"
        )
    return sid


def _check_actions(actions: tuple[str, ...], kind: Kind) -> None:
    for action in actions:
        vendor, colon, name = action.partition(":")
        if action != "*" and (not colon or not vendor or not name):
            raise MalformedPolicy(_NOT_VENDOR)
        if action != "*" and not _VENDOR.fullmatch(vendor):
            raise MalformedPolicy(f"Vendor {vendor} is not valid")
        if kind is Kind.TRUST and vendor.lower() != "sts":
            raise MalformedPolicy("AssumeRole policy may only specify STS AssumeRole actions.")


def _check_resources(resources: tuple[str, ...]) -> None:
    for resource in resources:
        if not resource.startswith(("arn:", "*", "${")):
            raise MalformedPolicy(f'Resource {resource} must be in ARN format or "*".')


def _read_principals(given: Mapping[str, Any], name: str) -> dict[str, tuple[str, ...]] | None:
    if name not in given:
        return None
    if given[name] == "*":
        return {"AWS": ("*",)}
    if not isinstance(given[name], dict) or not given[name] or not _PRINCIPALS.issuperset(given[name]):
        raise MalformedPolicy(SYNTAX)
    found = {key: _texts(given[name], key) for key in given[name]}
    for one in found.get("AWS", ()):
        if "*" in one and one != "*":
            raise MalformedPolicy(f'Invalid principal in policy: "AWS":"{one}"')
    return found


def _read_conditions(given: Any) -> tuple[Condition, ...]:
    if not isinstance(given, dict):
        raise MalformedPolicy(SYNTAX)
    return tuple(
        _read_condition(operator, key, values)
        for operator, keys in given.items()
        for key, values in _members(keys)
    )


def _members(keys: Any) -> list[tuple[str, Any]]:
    if not isinstance(keys, dict):
        raise MalformedPolicy(SYNTAX)
    return list(keys.items())


def _read_condition(operator: str, key: str, values: Any) -> Condition:
    found = find_operator(operator)
    if found is None:
        raise MalformedPolicy(f"Invalid Condition type : {operator}.")
    if ":" not in key.strip(":"):
        raise MalformedPolicy(_NOT_VENDOR)
    over, bare, if_exists = found
    listed = values if isinstance(values, list) else [values]
    return Condition(bare, key, tuple(map(_value, listed)), over, if_exists)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise MalformedPolicy(SYNTAX)
