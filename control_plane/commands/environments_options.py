"""Options of `aerodrome environments`, and the members of the API that they stand for: one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Setting:
    """One option."""

    flag: str
    member: str
    text: str
    kind: type = str


SETTINGS = (
    Setting("--bucket", "SourceBucketArn", "Bucket of DAGs and logs."),
    Setting("--dags", "DagS3Path", "Folder of DAGs in it."),
    Setting("--class", "EnvironmentClass", "mw1.micro, small, medium, large, xlarge or 2xlarge."),
    Setting("--airflow-version", "AirflowVersion", "Airflow version to behave as."),
    Setting("--requirements", "RequirementsS3Path", "Key of requirements.txt; '' removes it."),
    Setting("--plugins", "PluginsS3Path", "Key of plugins.zip; '' removes it."),
    Setting("--startup-script", "StartupScriptS3Path", "Key of the startup script; '' removes it."),
    Setting("--min-workers", "MinWorkers", "Workers kept even when idle.", int),
    Setting("--max-workers", "MaxWorkers", "Most workers.", int),
    Setting("--role", "ExecutionRoleArn", "ARN of the execution role."),
)


def settings_options(function: F) -> F:
    """Every option of `SETTINGS`, and --option."""
    for one in reversed(SETTINGS):
        name = one.member.lower()
        function = click.option(one.flag, name, type=one.kind, help=one.text)(function)
    text = "An Airflow configuration option, as core.parallelism=64; again for more. Empty removes it."
    return click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help=text)(function)


def read_members(given: Mapping[str, Any], before: Mapping[str, str]) -> dict[str, Any]:
    """The members that the options ask for; configuration options go into those there are."""
    members = {one.member: given[one.member.lower()] for one in SETTINGS}
    found = {member: value for member, value in members.items() if value is not None}
    if "SourceBucketArn" in found:
        found["SourceBucketArn"] = f"arn:aws:s3:::{found['SourceBucketArn'].removeprefix('arn:aws:s3:::')}"
    if given["options"]:
        changed = read_pairs("--option", given["options"])
        merged = {**before, **changed}
        found["AirflowConfigurationOptions"] = {key: one for key, one in merged.items() if one != ""}
    return found


def read_pairs(flag: str, pairs: tuple[str, ...]) -> dict[str, str]:
    """KEY=VALUE as a mapping; anything else is a usage error."""
    split = [pair.partition("=") for pair in pairs]
    for pair, (key, equals, _) in zip(pairs, split, strict=True):
        if not key or not equals:
            raise click.UsageError(f"cannot read {flag} {pair}: write KEY=VALUE")
    return {key: value for key, _, value in split}
