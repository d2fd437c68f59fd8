"""IAM over the public API, with plain boto3 and the administrator's key; a refusal becomes one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from control_plane.commands.options import get_access, get_endpoints, read_settings


def open_iam(home: str | None) -> Any:
    """A client for the service of a home."""
    paths = read_settings(home=home).paths
    endpoints, access = get_endpoints(paths), get_access(paths)
    return boto3.client(
        "iam",
        endpoint_url=endpoints.url,
        region_name=endpoints.region,
        aws_access_key_id=access.access_key_id,
        aws_secret_access_key=access.secret_access_key,
        config=Config(retries={"total_max_attempts": 2}, connect_timeout=5, read_timeout=30),
    )


@contextmanager
def saying_why(what: str) -> Iterator[None]:
    """Turns what boto3 raises into `cannot <what>: <why>`."""
    try:
        yield
    except ClientError as error:
        told = error.response["Error"]
        raise click.ClickException(f"cannot {what}: {told['Message']} ({told['Code']})") from None
    except BotoCoreError as error:
        raise click.ClickException(f"cannot {what}: {error}") from None


def empty(iam: Any, kind: str, name: str) -> None:
    """Take everything from a user or role that keeps it from being deleted."""
    title = kind.title()
    who = {f"{title}Name": name}
    for policy in getattr(iam, f"list_{kind}_policies")(**who)["PolicyNames"]:
        getattr(iam, f"delete_{kind}_policy")(**who, PolicyName=policy)
    for policy in getattr(iam, f"list_attached_{kind}_policies")(**who)["AttachedPolicies"]:
        getattr(iam, f"detach_{kind}_policy")(**who, PolicyArn=policy["PolicyArn"])
    groups = iam.list_groups_for_user(**who)["Groups"] if kind == "user" else []
    for group in groups:
        iam.remove_user_from_group(**who, GroupName=group["GroupName"])
    keys = iam.list_access_keys(**who)["AccessKeyMetadata"] if kind == "user" else []
    for key in keys:
        iam.delete_access_key(**who, AccessKeyId=key["AccessKeyId"])


def find_arn(iam: Any, kind: str, name: str) -> str:
    """The ARN of a user or role."""
    arn: str = getattr(iam, f"get_{kind}")(**{f"{kind.title()}Name": name})[kind.title()]["Arn"]
    return arn
