"""`aerodrome iam audit`: what was decided, and whether the trail of it is as it was written. Reads the database."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from control_plane.commands.options import find_endpoints, home_option, read_settings


@click.command("audit")
@click.option("--last", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option("--denied", is_flag=True, help="Only what was refused.")
@click.option("--changes", is_flag=True, help="Without calls that only read and were allowed.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--verify", is_flag=True, help="Compute every hash again: is the trail as it was written?")
@click.option(
    "--noted", metavar="HASH", default="", help="With --verify: a head noted earlier must be in it."
)
@click.option("--database", help="URL of the service database.  [default: that of the last `up`]")
@home_option
def audit(
    last: int,
    denied: bool,
    changes: bool,
    form: str,
    verify: bool,
    noted: str,
    database: str | None,
    home: str | None,
) -> None:
    """What was decided last: when, who, what, on what, and why. Reads the database: for the home's owner.

    \b
    Examples:
      aerodrome iam audit --denied
      aerodrome iam audit --changes
      aerodrome iam audit --last 1000 --format json | jq .caller
      aerodrome iam audit --verify --noted 5f2c...   # whoever rewrites a trail cannot keep its hashes
    """
    from control_plane.store.opening import CannotOpen

    settings = read_settings(home=home, database=database)
    endpoints = find_endpoints(settings.paths)
    kept = settings.database or (endpoints and endpoints.database)
    url = kept or f"sqlite:///{settings.paths.database}"
    try:
        if verify or noted:
            _verify(url, noted)
        else:
            _show(url, last, "deny" if denied else None, changes, form)
    except CannotOpen as error:
        raise click.ClickException(str(error)) from None


def _show(url: str, last: int, decision: str | None, changes: bool, form: str) -> None:
    from control_plane.iam.dates import to_iso
    from control_plane.store.opening import read_audit

    for one in reversed(read_audit(url, last, decision, changes)):
        if form == "json":
            click.echo(json.dumps(asdict(one)))
            continue
        at = to_iso(one.at)
        named = f" ({one.detail})" if one.detail else ""
        click.echo(
            f"{at} {one.decision:5} {one.caller} {one.action} {one.resource}{named}: {one.reason or '-'}"
        )


def _verify(url: str, noted: str) -> None:
    from control_plane.store.opening import verify_audit

    found = verify_audit(url, noted)
    if found.broken is not None:
        raise click.ClickException(
            f"cannot trust the audit trail: row {found.broken} is not what was written, or one before it is "
            f"gone; the {found.rows} rows before it are as they were"
        )
    if not found.seen:
        raise click.ClickException(
            f"cannot trust the audit trail: it is whole, but {noted} is none of its hashes: it was cut or rewritten"
        )
    older = f", {found.unchained} from before there were hashes" if found.unchained else ""
    click.echo(f"{found.rows} rows are as they were written{older}; head {found.head or '-'}")
