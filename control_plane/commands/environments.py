"""`aerodrome environments`: make, show, change and delete environments over the public API, and see how far it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from control_plane.commands.environments_archives import export, import_
from control_plane.commands.environments_options import read_members, read_pairs, settings_options
from control_plane.commands.environments_pause import pause, renew, resume
from control_plane.commands.options import home_option
from control_plane.domain.environment import bucket_name

if TYPE_CHECKING:
    from control_plane.commands.environments_client import Clients

_FAILED = ("CREATE_FAILED", "UPDATE_FAILED", "UNAVAILABLE")

no_wait_option = click.option("--no-wait", is_flag=True, help="Return as soon as it is accepted.")
timeout_option = click.option(
    "--timeout", default=3600.0, show_default=True, help="Seconds to wait; it goes on without you."
)


@click.group("environments")
def command() -> None:
    """Make, show, change and delete environments. `aws mwaa` does the same.

    \b
    Examples:
      aerodrome environments create my-env
      aerodrome environments update my-env --max-workers 4 --option core.parallelism=64
      aerodrome environments list
      aerodrome environments pause my-env         # to no process; resume brings it back
      aerodrome environments export my-env my-env.zip
      aerodrome environments delete my-env
    """


command.add_command(export)
command.add_command(import_)
command.add_command(pause)
command.add_command(renew)
command.add_command(resume)


@command.command("create")
@click.argument("name")
@settings_options
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag; again for more.")
@no_wait_option
@timeout_option
@home_option
def create(name: str, tags: tuple[str, ...], no_wait: bool, timeout: float, **given: Any) -> None:
    """Make an environment, and its bucket when there is none. A name is enough.

    \b
    Examples:
      aerodrome environments create my-env
      aerodrome environments create my-env --bucket my-bucket --requirements requirements.txt
    """
    from control_plane.commands.environments_client import NETWORK, open_clients
    from control_plane.commands.iam_client import saying_why

    members = read_members(given, {})
    with saying_why(f"create environment {name}"):
        clients = open_clients(given["home"])
        chosen = members.get("SourceBucketArn")
        bucket = bucket_name(chosen) if chosen else _bucket_for(name)
        if clients.endpoints.s3_url is None and "SourceBucketArn" not in members:
            raise click.UsageError("cannot choose a bucket on AWS's S3: name yours with --bucket")
        if clients.endpoints.s3_url is not None and clients.ensure_bucket(bucket):
            click.echo(f"made bucket {bucket}")
        body = {
            "SourceBucketArn": f"arn:aws:s3:::{bucket}",
            "DagS3Path": "dags",
            "ExecutionRoleArn": f"arn:aws:iam::{clients.account}:role/{name}-execution",
            "NetworkConfiguration": NETWORK,
            **members,
        }
        if tags:
            body["Tags"] = read_pairs("--tag", tags)
        arn = clients.mwaa.create_environment(Name=name, **body)["Arn"]
    if no_wait:
        click.echo(arn)
        return
    _wait(clients, name, timeout)
    click.echo(f"DAGs go to s3://{bucket}/{body['DagS3Path']}/, logs to s3://{bucket}/logs/{name}/")


@command.command("update")
@click.argument("name")
@settings_options
@click.option("--forced", is_flag=True, help="End running tasks at once instead of letting them finish.")
@no_wait_option
@timeout_option
@home_option
def update(name: str, forced: bool, no_wait: bool, timeout: float, **given: Any) -> None:
    """Change what is given and nothing else; running tasks finish on what they began on.

    \b
    Examples:
      aerodrome environments update my-env --class mw1.large
      aerodrome environments update my-env --requirements ''     # without packages of its own
    """
    from control_plane.commands.environments_client import open_clients
    from control_plane.commands.iam_client import saying_why

    with saying_why(f"update environment {name}"):
        clients = open_clients(given["home"])
        before = clients.mwaa.get_environment(Name=name)["Environment"]["AirflowConfigurationOptions"]
        strategy = "FORCED" if forced else "GRACEFUL"
        members = read_members(given, before)
        clients.mwaa.update_environment(Name=name, WorkerReplacementStrategy=strategy, **members)
    if not no_wait:
        _wait(clients, name, timeout)


@command.command("delete")
@click.argument("name")
@no_wait_option
@timeout_option
@home_option
def delete(name: str, no_wait: bool, timeout: float, home: str | None) -> None:
    """Delete an environment and what its database knows. Bucket, DAGs and logs stay."""
    from control_plane.commands.environments_client import open_clients
    from control_plane.commands.iam_client import saying_why

    with saying_why(f"delete environment {name}"):
        clients = open_clients(home)
        clients.mwaa.delete_environment(Name=name)
    if not no_wait:
        _wait(clients, name, timeout)


@command.command("wait")
@click.argument("name")
@timeout_option
@home_option
def wait(name: str, timeout: float, home: str | None) -> None:
    """Wait until nothing more happens to an environment by itself; exit status 1 when it failed."""
    from control_plane.commands.environments_client import open_clients
    from control_plane.commands.iam_client import saying_why

    with saying_why(f"wait for environment {name}"):
        _wait(open_clients(home), name, timeout)


@command.command("list")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@home_option
def list_all(form: str, home: str | None) -> None:
    """Every environment, with its status, class, version and bucket."""
    from control_plane.commands.environments_client import open_clients
    from control_plane.commands.iam_client import saying_why

    with saying_why("list environments"):
        clients = open_clients(home)
        pages = clients.mwaa.get_paginator("list_environments").paginate()
        names = [name for page in pages for name in page["Environments"]]
        found = [one for one in map(clients.find, names) if one is not None]
    if form == "json":
        click.echo(json.dumps(found, indent=1, default=str))
        return
    for one in found:
        bucket = bucket_name(one["SourceBucketArn"])
        click.echo(
            f"{one['Name']}  {one['Status']}  {one['EnvironmentClass']}  {one['AirflowVersion']}  "
            f"s3://{bucket}/{one['DagS3Path']}"
        )


@command.command("get")
@click.argument("name")
@home_option
def get(name: str, home: str | None) -> None:
    """Everything about an environment, as JSON."""
    from control_plane.commands.environments_client import open_clients
    from control_plane.commands.iam_client import saying_why

    with saying_why(f"get environment {name}"):
        found = open_clients(home).mwaa.get_environment(Name=name)["Environment"]
    click.echo(json.dumps(found, indent=1, default=str))


def _wait(clients: Clients, name: str, timeout: float) -> None:
    """Say what happens, as it happens; exit status 1 when it goes wrong."""
    from control_plane.commands.iam_client import saying_why

    last = None
    with saying_why(f"wait for environment {name}"):
        try:
            for last in clients.watch(name, timeout):
                step = f"  {last.step}" if last.step else ""
                click.echo(f"{last.seconds:7.1f} s  {last.status}{step}")
        except TimeoutError:
            words = f"cannot wait longer than {timeout:g} s: {name} goes on; see aerodrome environments get"
            raise click.ClickException(words) from None
    if last is not None and last.status in _FAILED:
        raise click.ClickException(f"cannot use what was asked for {name}: {last.error or last.status}")


def _bucket_for(name: str) -> str:
    """The bucket of an environment whose owner names none."""
    return f"aerodrome-{name.lower().replace('_', '-')}"[:63].rstrip("-")
