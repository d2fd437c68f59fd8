"""`aerodrome profile`: the same as `aerodrome env`, as a profile of the AWS tools."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

import click

from control_plane.commands.options import (
    Access,
    Endpoints,
    get_access,
    get_endpoints,
    home_option,
    read_settings,
)
from control_plane.private_files import write_private

Section = dict[str, str]


@click.command("profile")
@home_option
@click.option("--name", default="aerodrome", show_default=True, help="Name of the profile.")
def command(home: str | None, name: str) -> None:
    """Write an AWS profile that points aws and boto3 here. Other profiles are left as they are.

    \b
    Examples:
      aerodrome profile
      aws --profile aerodrome mwaa list-environments
    """
    if not name.strip() or any(sign in name for sign in "[]\n"):
        raise click.UsageError(f"cannot name a profile {name!r}: choose letters, digits and dashes")
    paths = read_settings(home=home).paths
    endpoints, access = get_endpoints(paths), get_access(paths)
    config = Path(os.environ.get("AWS_CONFIG_FILE", "~/.aws/config")).expanduser()
    credentials = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")).expanduser()
    put_sections(config, config_sections(name, endpoints))
    put_sections(credentials, credentials_sections(name, access))
    click.echo(f"wrote to {config}:\n")
    click.echo("\n".join(map(_render, config_sections(name, endpoints).items())))
    click.echo(f"and the access key {access.access_key_id} to {credentials}")
    click.echo(f"try:  aws --profile {name} mwaa list-environments")


def config_sections(name: str, endpoints: Endpoints) -> dict[str, Section]:
    """What goes into ~/.aws/config."""
    title = "default" if name == "default" else f"profile {name}"
    services = dict.fromkeys(("mwaa", "iam", "sts"), f"\nendpoint_url = {endpoints.url}")
    if endpoints.s3_url is not None:
        services["s3"] = f"\nendpoint_url = {endpoints.s3_url}"
    return {
        title: {
            "region": endpoints.region,
            "services": f"{name}-services",
            "disable_host_prefix_injection": "true",
        },
        f"services {name}-services": services,
    }


def credentials_sections(name: str, access: Access) -> dict[str, Section]:
    """What goes into ~/.aws/credentials."""
    keys = {"aws_access_key_id": access.access_key_id, "aws_secret_access_key": access.secret_access_key}
    return {name: keys}


def put_sections(path: Path, sections: dict[str, Section]) -> None:
    """Replace these sections of an AWS file, every other line kept as it is. Idempotent, atomic, 0600."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = _without(path.read_text(encoding="utf-8") if path.exists() else "", set(sections))
    text = "\n".join(part for part in (kept.rstrip("\n"), *map(_render, sections.items())) if part) + "\n"
    configparser.RawConfigParser(strict=False).read_string(text)  # what we write must be readable
    write_private(path.resolve() if path.is_symlink() else path, text)


def _without(text: str, titles: set[str]) -> str:
    lines, keep = [], True
    for line in text.splitlines():
        if line.startswith("["):
            keep = line.strip().strip("[]").strip() not in titles
        if keep:
            lines.append(line)
    return "\n".join(lines)


def _render(item: tuple[str, Section]) -> str:
    title, section = item
    lines = (f"{key} ={value if value[0] == chr(10) else ' ' + value}" for key, value in section.items())
    return f"[{title}]\n" + "\n".join(lines).replace("\nendpoint_url", "\n  endpoint_url")
