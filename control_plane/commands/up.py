"""`aerodrome up`: the whole service in the foreground."""

from __future__ import annotations

from typing import Any

import click

from control_plane.commands.options import home_option, read_settings
from infra.reaper import leave_pid_one


@click.command("up")
@home_option
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port for HTTP; 0 picks a free one.  [default: 8080]")
@click.option("--tls-port", type=int, help="Port for HTTPS; 0 picks a free one.  [default: 8443]")
@click.option("--s3-port", type=int, help="Port of the embedded S3; 0 picks a free one.  [default: 9000]")
@click.option(
    "--s3-endpoint", help="Use this S3 and start none. It is reached with the AWS_* keys of this shell."
)
@click.option("--database", help="PostgreSQL URL.  [default: SQLite files in the home]")
@click.option("--region", help="Region the service says it is in.  [default: us-east-1]")
@click.option("--account-id", help="Account the service says it is.  [default: 123456789012]")
@click.option("--sync-interval", type=float, help="Seconds between looks at a DAG folder.  [default: 1]")
@click.option(
    "--provisioner",
    type=click.Choice(["process", "docker"]),
    help="What runs environments: processes of this machine, or containers.  [default: process]",
)
@click.option("--image", help="The image of environments' containers.  [default: aerodrome]")
@click.option(
    "--docker-network", help="Their network.  [default: host when S3 is on this machine, else our own]"
)
@click.option(
    "--users",
    help="Numbers FIRST-LAST of users to give environments, two to each; root only.  [default: auto; off: none]",
)
@click.option(
    "--follow-interval", type=float, help="Seconds between looks at requirements and plugins.  [default: 5]"
)
@click.option(
    "--package-indexes",
    type=click.Choice(["allow", "deny"]),
    help="Whether requirements.txt may name package indexes of its own.  [default: allow]",
)
@click.option(
    "--web-domain",
    help="HOST[:PORT] whose subdomains NAME.web.HOST reach this service: each environment's web host is then its own.",
)
@click.option(
    "--audit",
    type=click.Choice(["all", "changes"]),
    help="What the audit trail keeps: all calls, or changes and refusals only.  [default: all]",
)
@click.option(
    "--rate-limits",
    help="Calls a second a caller may make of one operation, as 500,InvokeRestApi=10:20 "
    "(10 a second, 20 at once); 0 is no limit.  [default: 500]",
)
def command(**options: Any) -> None:
    """Run the whole service in the foreground. Ctrl-C stops it, and all it runs.

    Every option may also be set as AERODROME_<OPTION>, for example AERODROME_PORT.

    \b
    Examples:
      aerodrome up
      aerodrome up --port 0 --tls-port 0 --s3-port 0
      aerodrome up --home /srv/aerodrome --database postgresql://aerodrome@localhost/aerodrome
      aerodrome up --s3-endpoint https://s3.eu-west-1.amazonaws.com --region eu-west-1
    """
    settings = read_settings(**options)
    leave_pid_one()
    from control_plane.commands.service import CannotServe, run

    try:
        run(settings)
    except CannotServe as error:
        raise click.ClickException(str(error)) from None
