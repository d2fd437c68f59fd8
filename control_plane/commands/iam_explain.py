"""`aerodrome iam explain` and `simulate`: what policies would decide, by the service's own simulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from control_plane.commands.options import home_option

F = TypeVar("F", bound=Callable[..., Any])
_WORDS = {
    "allowed": "allowed",
    "explicitDeny": "denied, by an explicit deny",
    "implicitDeny": "denied: nothing allows it",
}


def whom_options(function: F) -> F:
    """--user NAME or --role NAME, one of them."""
    user = click.option("--user", metavar="NAME", help="The user it is about.")
    role = click.option("--role", metavar="NAME", help="The role it is about.")
    return user(role(function))


def read_whom(user: str | None, role: str | None) -> tuple[str, str]:
    """(user or role, its name). Raises UsageError unless there is exactly one."""
    if user is not None and role is None:
        return "user", user
    if role is not None and user is None:
        return "role", role
    raise click.UsageError("cannot tell whom it is about: give --user NAME or --role NAME")


def context_option(function: F) -> F:
    """--context KEY=VALUE, again for more."""
    text = "What the request would say, as aws:SourceIp=10.0.0.1; again for more keys or values."
    return click.option("--context", "pairs", multiple=True, metavar="KEY=VALUE", help=text)(function)


@click.command("explain")
@click.argument("action")
@click.argument("resource", default="*")
@whom_options
@context_option
@home_option
def explain(
    action: str, resource: str, user: str | None, role: str | None, pairs: tuple[str, ...], home: str | None
) -> None:
    """May this user or role do ACTION on RESOURCE, and which statement says so? Exit status 1 when not.

    \b
    Examples:
      aerodrome iam explain --user alice airflow:CreateEnvironment \\
          arn:aws:airflow:us-east-1:000000000000:environment/new
      aerodrome iam explain --role ci airflow:ListEnvironments --context aws:SourceIp=10.0.0.1
    """
    kind, name = read_whom(user, role)
    (result,) = _ask(home, kind, name, [action], [resource], pairs)
    for line in describe(f"{kind} {name}", result):
        click.echo(line)
    raise SystemExit(0 if result["EvalDecision"] == "allowed" else 1)


@click.command("simulate")
@click.option(
    "--action", "actions", multiple=True, required=True, help="As airflow:GetEnvironment; again for more."
)
@click.option(
    "--resource", "resources", multiple=True, default=["*"], help="An ARN; again for more.  [default: *]"
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@whom_options
@context_option
@home_option
def simulate(
    actions: tuple[str, ...],
    resources: tuple[str, ...],
    form: str,
    user: str | None,
    role: str | None,
    pairs: tuple[str, ...],
    home: str | None,
) -> None:
    """Every action on every resource, a line each.

    \b
    Examples:
      aerodrome iam simulate --user alice --action airflow:GetEnvironment --action airflow:DeleteEnvironment
    """
    kind, name = read_whom(user, role)
    results = _ask(home, kind, name, list(actions), list(resources), pairs)
    if form == "json":
        click.echo(json.dumps(results, indent=1))
        return
    for result in results:
        click.echo(f"{result['EvalDecision']:13} {result['EvalActionName']} {result['EvalResourceName']}")


def describe(who: str, result: dict[str, Any]) -> Iterator[str]:
    """A result in words: the decision, what made it, what it was not told."""
    words = _WORDS[result["EvalDecision"]]
    yield f"{result['EvalActionName']} on {result['EvalResourceName']} by {who}: {words}"
    for one in result.get("MatchedStatements", []):
        yield f"  {one['SourcePolicyType']} {one['SourcePolicyId']}{_lines(one)}"
    limit = result.get("PermissionsBoundaryDecisionDetail")
    if limit is not None and not limit["AllowedByPermissionsBoundary"]:
        yield "  the permissions boundary does not allow it"
    for key in result.get("MissingContextValues", []):
        yield f"  a policy asks for {key}, which was not given: --context {key}=VALUE"


def _lines(statement: dict[str, Any]) -> str:
    if "StartPosition" not in statement:
        return ""
    first, last = statement["StartPosition"]["Line"], statement["EndPosition"]["Line"]
    return f", line {first}" if first == last else f", lines {first} to {last}"


def _ask(
    home: str | None, kind: str, name: str, actions: list[str], resources: list[str], pairs: tuple[str, ...]
) -> list[dict[str, Any]]:
    from control_plane.commands.iam_client import find_arn, open_iam, saying_why

    entries = _read_context(pairs)
    iam = open_iam(home)
    with saying_why(f"simulate policies of {kind} {name}"):
        given = {"PolicySourceArn": find_arn(iam, kind, name), "ActionNames": actions}
        pages = iam.get_paginator("simulate_principal_policy").paginate(
            **given, ResourceArns=resources, ContextEntries=entries
        )
        return [result for page in pages for result in page["EvaluationResults"]]


def _read_context(pairs: tuple[str, ...]) -> list[dict[str, Any]]:
    found: dict[str, list[str]] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or ":" not in key:
            raise click.UsageError(f"cannot read --context {pair!r}: write it as aws:SourceIp=10.0.0.1")
        found.setdefault(key, []).append(value)
    return [
        {"ContextKeyName": key, "ContextKeyValues": values, "ContextKeyType": "stringList"}
        for key, values in found.items()
    ]
