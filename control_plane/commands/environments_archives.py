"""`aerodrome environments export` and `import`: an environment as one file, or one object of a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import click

from control_plane.commands.options import home_option

passphrase_option = click.option(
    "--passphrase-file",
    type=click.File("rb"),
    help="Secrets are encrypted with the first line of this file. Without one they are left out.",
)


@click.command("export")
@click.argument("name")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--key", help="Its key in the environment's bucket.  [default: exports/NAME/<time>.zip]")
@passphrase_option
@home_option
def export(
    name: str, file: Path | None, key: str | None, passphrase_file: BinaryIO | None, home: str | None
) -> None:
    """Keep an environment: its settings and everything its database knows, in its bucket, and in FILE if one is named.

    Variables, and passwords and extras of connections, are in it encrypted with a passphrase, or not at all.

    \b
    Examples:
      aerodrome environments export dev
      aerodrome environments export dev dev.zip --passphrase-file secret.txt
    """
    from control_plane.commands.api_client import open_api
    from control_plane.commands.environments_client import open_clients
    from control_plane.commands.iam_client import saying_why

    body = {"Key": key, "Passphrase": _read(passphrase_file)}
    told = open_api(home).call(
        "POST", f"/environments/{name}/export", {name: value for name, value in body.items() if value}
    )
    location = str(told["Location"])
    if file is not None:
        bucket, _, place = location.removeprefix("s3://").partition("/")
        with saying_why(f"read {location}"):
            data = open_clients(home).s3.get_object(Bucket=bucket, Key=place)["Body"].read()
        file.touch(0o600)
        file.write_bytes(data)
    kept = "are in it, encrypted" if told["Secrets"] == "SEALED" else "were left out"
    click.echo(f"{name} is in {file or location}; secrets {kept}")


@click.command("import")
@click.argument("source")
@click.argument("name")
@click.option("--bucket", help="Another bucket for DAGs and logs.  [default: the one it had]")
@passphrase_option
@home_option
def import_(
    source: str, name: str, bucket: str | None, passphrase_file: BinaryIO | None, home: str | None
) -> None:
    """Make an environment from an archive: SOURCE is a file or s3://bucket/key, NAME one that is free.

    Its DAGs are those of the bucket, as they are now. Tasks that ran when it was exported are tried again.

    \b
    Examples:
      aerodrome environments import dev.zip dev-again --bucket my-bucket
      aerodrome environments import s3://my-bucket/exports/dev/20260101T000000Z.zip dev-again
    """
    from control_plane.commands.api_client import open_api
    from control_plane.commands.environments_pause import wait_for

    location = source if source.startswith("s3://") else _upload(Path(source), name, bucket, home)
    body: dict[str, Any] = {"Location": location}
    if bucket is not None:
        body["SourceBucketArn"] = f"arn:aws:s3:::{bucket}"
    if passphrase := _read(passphrase_file):
        body["Passphrase"] = passphrase
    client = open_api(home)
    client.call("POST", f"/environments/{name}/import", body)
    wait_for(client, name, "CREATING", "AVAILABLE")
    click.echo(f"{name} is AVAILABLE")


def _upload(path: Path, name: str, bucket: str | None, home: str | None) -> str:
    """The file into the bucket that the environment will have, where the service finds it."""
    from control_plane.commands.environments_client import open_clients
    from control_plane.commands.iam_client import saying_why

    if bucket is None:
        raise click.UsageError("cannot import a file without a bucket to put it in: name one with --bucket")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise click.ClickException(f"cannot read {path}: {error.strerror}") from None
    key = f"imports/{name}.zip"
    with saying_why(f"write s3://{bucket}/{key}"):
        clients = open_clients(home)
        clients.ensure_bucket(bucket)
        clients.s3.put_object(Bucket=bucket, Key=key, Body=data)
    return f"s3://{bucket}/{key}"


def _read(file: BinaryIO | None) -> str | None:
    return file.readline().decode().rstrip("\r\n") if file else None
