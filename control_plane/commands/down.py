"""`aerodrome down`: stop a service, whoever started it, and whatever a killed one left running."""

from __future__ import annotations

import click

from control_plane.commands.options import home_option, read_settings
from control_plane.commands.provisioner import open_provisioner
from infra import embedded_s3
from infra.locks import find_holder
from infra.process import stop_process

_SERVICE_GRACE, _CELL_GRACE = 60.0, 10.0


@click.command("down")
@home_option
def command(home: str | None) -> None:
    """Stop the service and everything it runs. Environments stay, and run again after the next `up`.

    \b
    Examples:
      aerodrome down
      aerodrome down --home /srv/aerodrome
    """
    paths = read_settings(home=home).paths
    stopped: list[str] = []
    if find_holder(paths.lock("control-plane")):
        stop_process(paths.home, "control-plane", _SERVICE_GRACE)
        stopped.append("the service")
    provisioner = open_provisioner(paths)
    for name in provisioner.names():
        if any(pid is not None for pid in provisioner.observe(name).processes.values()):
            provisioner.stop(name, _CELL_GRACE)
            stopped.append(f"environment {name}")
    if embedded_s3.find_port(paths.home) is not None:
        embedded_s3.stop(paths.home)
        stopped.append("the embedded S3")
    click.echo(f"stopped {', '.join(stopped)}" if stopped else f"nothing runs in {paths.home}")
