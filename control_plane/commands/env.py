"""`aerodrome env`: the variables that make plain aws, boto3 and Terraform talk to this service."""

from __future__ import annotations

import json
import shlex

import click

from control_plane.commands.options import (
    Access,
    Endpoints,
    get_access,
    get_endpoints,
    home_option,
    read_settings,
)


def variables(endpoints: Endpoints, access: Access) -> dict[str, str]:
    """The variables, in the order in which they are printed."""
    found = {
        "AWS_ACCESS_KEY_ID": access.access_key_id,
        "AWS_SECRET_ACCESS_KEY": access.secret_access_key,
        "AWS_DEFAULT_REGION": endpoints.region,
        "AWS_ENDPOINT_URL_MWAA": endpoints.url,
        "AWS_ENDPOINT_URL_IAM": endpoints.url,
        "AWS_ENDPOINT_URL_STS": endpoints.url,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }
    if endpoints.s3_url is not None:
        found["AWS_ENDPOINT_URL_S3"] = endpoints.s3_url
    return found


@click.command("env")
@home_option
@click.option("--format", "form", type=click.Choice(["shell", "json"]), default="shell", show_default=True)
def command(home: str | None, form: str) -> None:
    """Print the variables that point aws and boto3 here.

    \b
    Examples:
      eval "$(aerodrome env)"
      aws mwaa list-environments
      aerodrome env --format json
    """
    paths = read_settings(home=home).paths
    found = variables(get_endpoints(paths), get_access(paths))
    if form == "json":
        click.echo(json.dumps(found, indent=1))
    else:
        click.echo("\n".join(f"export {name}={shlex.quote(value)}" for name, value in found.items()))
