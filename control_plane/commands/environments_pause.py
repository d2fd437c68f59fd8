"""`aerodrome environments pause`, `resume` and `renew`: what `aws mwaa` has no words for."""

from __future__ import annotations

import threading
import time
from typing import Any

import click

from control_plane.commands.options import home_option

_WAIT = 600.0
_LOOK_SECONDS = 0.2


@click.command("pause")
@click.argument("name")
@click.option("--force", is_flag=True, help="End running tasks; they are tried again after it.")
@click.option("--no-wait", is_flag=True, help="Come back at once.")
@home_option
def pause(name: str, force: bool, no_wait: bool, home: str | None) -> None:
    """Have no process of an environment run, and lose nothing of it.

    Running tasks finish first and no other begins. Its status is UNAVAILABLE then, until it is resumed or updated;
    runs that fall due meanwhile are made afterwards, as their DAGs' catchup says.
    """
    from control_plane.commands.api_client import open_api

    client = open_api(home)
    _ask_to_pause(client, name, force)
    if not no_wait:
        wait_for(client, name, "UPDATING", "UNAVAILABLE")
        click.echo(f"{name} is paused; aerodrome environments resume {name}")


@click.command("resume")
@click.argument("name")
@click.option("--no-wait", is_flag=True, help="Come back at once.")
@home_option
def resume(name: str, no_wait: bool, home: str | None) -> None:
    """Have a paused environment work again."""
    from control_plane.commands.api_client import open_api

    client = open_api(home)
    client.call("POST", f"/environments/{name}/resume", {})
    if not no_wait:
        wait_for(client, name, "UNAVAILABLE", "AVAILABLE")
        click.echo(f"{name} is AVAILABLE")


@click.command("renew")
@click.argument("name")
@click.option("--force", is_flag=True, help="End running tasks; they are tried again after it.")
@home_option
def renew(name: str, force: bool, home: str | None) -> None:
    """Have an environment run the Aerodrome that is installed now; with Docker, the image that `up` names now.

    It is paused, which running tasks finish before, and resumed. Until then it runs what it was made with, whatever
    was installed or built since. One that is paused already needs no more than `resume`.
    """
    from control_plane.commands.api_client import open_api

    client = open_api(home)
    _ask_to_pause(client, name, force)
    wait_for(client, name, "UPDATING", "UNAVAILABLE")
    client.call("POST", f"/environments/{name}/resume", {})
    wait_for(client, name, "UNAVAILABLE", "AVAILABLE")
    click.echo(f"{name} is AVAILABLE, and new")


def _ask_to_pause(client: Any, name: str, force: bool) -> None:
    strategy = "FORCED" if force else "GRACEFUL"
    client.call("POST", f"/environments/{name}/pause", {"WorkerReplacementStrategy": strategy})


def wait_for(client: Any, name: str, passing: str, wanted: str) -> None:
    """Until the status is no longer `passing`; another than `wanted` is a failure. Shows each step once."""
    deadline, shown, pause = time.monotonic() + _WAIT, "", threading.Event()
    while time.monotonic() < deadline:
        found = client.call("GET", f"/environments/{name}", None)["Environment"]
        step = str(found["LastUpdate"].get("Source", ""))
        if found["Status"] == wanted and found["LastUpdate"]["Status"] != "PENDING":
            return
        if found["Status"] not in (passing, wanted):
            why = found["LastUpdate"].get("Error", {}).get("ErrorMessage", step)
            raise click.ClickException(f"{name} is {found['Status']}: {why}")
        if step != shown:
            click.echo(f"{found['Status']}: {step}", err=True)
            shown = step
        pause.wait(_LOOK_SECONDS)
    raise click.ClickException(f"{name} is not {wanted} after {_WAIT:.0f} s; aerodrome status tells more")
