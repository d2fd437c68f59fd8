"""`aerodrome s3`: the embedded object store checked, filled, emptied into folders, moved to another S3."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from control_plane.commands.options import get_access, get_endpoints, home_option, read_settings
from control_plane.settings import Paths

T = TypeVar("T")


@click.group("s3")
def command() -> None:
    """The embedded object store: check it, bring folders in and out, move to another S3.

    Everything else is done with plain S3 clients: see `aerodrome env`.
    """


@command.command("fsck")
@home_option
@click.option(
    "--repair", is_flag=True, help="Put right what can be without losing anything; needs it stopped."
)
def fsck(home: str | None, repair: bool) -> None:
    """Verify every byte of the store against its index. Exit status 1 when something is wrong.

    \b
    Examples:
      aerodrome s3 fsck
      aerodrome s3 fsck --repair
    """
    from infra.object_store.store.fsck import check_folder, check_living
    from infra.object_store.store.locking import StoreTaken

    folder = _get_folder(home)
    try:
        report = check_folder(folder, repair)
    except StoreTaken as error:
        if repair:
            raise click.ClickException(f"cannot repair a store that is open: {error}") from None
        report = check_living(folder)
    for problem in report.problems:
        click.echo(f"{problem.kind}: {problem.what}{' (repaired)' if problem.repaired else ''}")
    outcome = "all is well" if report.clean else "something is wrong"
    click.echo(f"{report.versions} versions of objects, {report.size} bytes: {outcome}")
    if not report.clean:
        raise click.exceptions.Exit(1)


@command.command("gc")
@home_option
def gc(home: str | None) -> None:
    """Remove what nobody refers to any more. A store that runs does it every hour by itself."""
    removed = _with_store(home, lambda store: store.collect())
    click.echo(f"removed {removed} files")


@command.command("import")
@home_option
@click.argument("folder", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.argument("target")
def import_(home: str | None, folder: Path, target: str) -> None:
    """Put every file of FOLDER below TARGET (s3://bucket/prefix), while the service is stopped.

    An export comes back as it was, headers, metadata and tags too. With the service running: aws s3 sync.

    \b
    Examples:
      aerodrome s3 import ./dags s3://my-bucket/dags
    """
    from infra.object_store.errors import StoreError
    from infra.object_store.folders import import_folder

    bucket, prefix = _parse(target)

    async def act(store: Any) -> Any:
        try:
            store.get_bucket(bucket)
        except StoreError:
            await store.create_bucket(bucket, read_settings(home=home).account_id)
        return await import_folder(store, folder, bucket, prefix)

    _say("imported", _with_store(home, act))


@command.command("export")
@home_option
@click.argument("source")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def export(home: str | None, source: str, folder: Path) -> None:
    """Write every object below SOURCE (s3://bucket/prefix) into FOLDER, while the service is stopped.

    \b
    Examples:
      aerodrome s3 export s3://my-bucket ./my-bucket
    """
    from infra.object_store.folders import export_folder

    bucket, prefix = _parse(source)
    _say("exported", _with_store(home, lambda store: export_folder(store, bucket, folder, prefix)))


@command.command("move")
@home_option
@click.option("--endpoint", required=True, help="Of the other S3, e.g. https://s3.eu-west-1.amazonaws.com.")
@click.option("--bucket", "names", multiple=True, help="Only this one; may be given more than once.")
def move(home: str | None, endpoint: str, names: tuple[str, ...]) -> None:
    """Copy all buckets of the running service to another S3, with headers, metadata and tags.

    The other S3 is reached with the AWS_* keys of this shell. What is there already and the same is left alone, so it
    can be run again until nothing changes. Then `aerodrome up --s3-endpoint` uses it.

    \b
    Examples:
      aerodrome s3 move --endpoint https://s3.eu-west-1.amazonaws.com
    """
    from control_plane.commands.iam_client import saying_why
    from control_plane.commands.s3_move import copy_buckets, open_clients

    paths = read_settings(home=home).paths
    ours, theirs = open_clients(get_endpoints(paths), get_access(paths), endpoint)
    with saying_why(f"copy everything to {endpoint}"):
        for bucket, copied, same in copy_buckets(ours, theirs, names):
            click.echo(f"s3://{bucket}: {copied} objects copied, {same} were there")
    click.echo(f"now start the service with `aerodrome up --s3-endpoint {endpoint}`")


def _with_store(home: str | None, act: Callable[[Any], Awaitable[T]]) -> T:
    """What `act` does with the store, which must not be open elsewhere."""
    from infra.object_store.errors import StoreError
    from infra.object_store.folders import CannotMove
    from infra.object_store.store.engine import open_store
    from infra.object_store.store.locking import StoreTaken

    folder = Paths(read_settings(home=home).home).objects

    async def run() -> T:
        store = await open_store(folder, time.time)
        try:
            return await act(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except StoreTaken as error:
        hint = "stop the service with `aerodrome down`, or use `aws s3 sync` while it runs"
        raise click.ClickException(f"{error}: {hint}") from None
    except (CannotMove, StoreError, OSError) as error:
        raise click.ClickException(str(error)) from None


def _get_folder(home: str | None) -> Path:
    folder = read_settings(home=home).paths.objects
    if not folder.is_dir():
        raise click.ClickException(f"cannot find an object store in {folder}: no service has made one yet")
    return folder


def _parse(text: str) -> tuple[str, str]:
    """Bucket and prefix of s3://bucket/prefix."""
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not text.startswith("s3://") or not bucket:
        raise click.UsageError(f"cannot use {text!r}: it must look like s3://bucket/prefix")
    return bucket, prefix


def _say(what: str, moved: Any) -> None:
    click.echo(f"{what} {moved.objects} objects, {moved.size} bytes")
    for name in moved.skipped:
        click.echo(f"left out: {name}")
