"""`aerodrome demo`: the main job end to end against a real service, with nothing but boto3."""

from __future__ import annotations

from pathlib import Path

import click

from control_plane.commands.options import home_option

DEMO_HOME = "~/.aerodrome-demo"


class DemoFailed(Exception):
    """A step did not do what it should; the message says which and where to look."""


@click.command("demo")
@home_option
@click.option(
    "--examples", type=click.Path(path_type=Path), help="Folder of DAG files.  [default: our examples/]"
)
def command(home: str | None, examples: Path | None) -> None:
    """Start a service, upload DAGs, create an environment with boto3, watch it run, read a log in S3.

    It keeps to a home of its own (~/.aerodrome-demo) and free ports, and stops what it started. The first run
    installs the environment's packages; the next ones take seconds.

    \b
    Examples:
      aerodrome demo
      aerodrome demo --home /tmp/demo --examples ./my_dags
    """
    from control_plane.commands.demo_story import tell
    from control_plane.commands.options import read_settings

    paths = read_settings(home=home or DEMO_HOME).paths
    try:
        tell(paths, examples)
    except DemoFailed as failure:
        raise click.ClickException(str(failure)) from None
