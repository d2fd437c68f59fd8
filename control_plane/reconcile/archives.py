"""Export and import of environments: archives in buckets, and the way into a new cell.

An import is taken apart at once, so that its caller hears of a wrong passphrase, and waits in a folder of its own until
the environment's creation has loaded it.
"""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from airflow._wire.layout import KEY_FILE, Layout

from control_plane.domain.archive import Archive, pack, unpack
from control_plane.domain.environment import Environment, EnvironmentSpec, bucket_name
from control_plane.domain.errors import validation
from control_plane.private_files import write_private
from control_plane.reconcile.checks import INCORRECT_CONFIGURATION, CannotApply, open_at
from control_plane.reconcile.jobs import Jobs
from control_plane.reconcile.snapshots import give_to_owner, run_runner
from sync.objects import ObjectStore, ObjectStoreError


@dataclass(frozen=True, slots=True)
class Archives:
    """`folder` holds imports on their way."""

    jobs: Jobs
    folder: Path

    def export(self, row: Environment, key: str, passphrase: str | None) -> str:
        """Write the archive into the environment's bucket; its address. It may run meanwhile. Raises ServiceError."""
        home = self.jobs.provisioner.home(row.name)
        options = () if passphrase else ("--without-secrets",)
        path = home / "snapshots" / f"{secrets.token_hex(8)}.export"
        try:
            run_runner(self.jobs, "save", home, path, *options)
            metadata = path.read_bytes()
        except CannotApply as error:
            raise validation(error.tell("export it again")) from None
        finally:
            path.unlink(missing_ok=True)
        keys = Layout(home).secret_keys.read_text(encoding="ascii") if passphrase else None
        archive = Archive(row.name, self.jobs.clock(), row.spec, metadata, keys)
        bucket = bucket_name(row.spec["SourceBucketArn"])
        try:
            self._open(bucket).put(key, pack(archive, passphrase))
        except ObjectStoreError as error:
            raise validation(f"cannot write s3://{bucket}/{key}: {error.message}") from None
        return f"s3://{bucket}/{key}"

    def fetch(self, location: str, passphrase: str | None, uid: str) -> tuple[EnvironmentSpec, str]:
        """The spec in an archive, and the folder in which the rest waits for the environment. Raises ServiceError."""
        parts = urlsplit(location)
        bucket, key = parts.netloc, parts.path.lstrip("/")
        try:
            data = self._open(bucket).get(key)
        except ObjectStoreError as error:
            raise validation(f"cannot read {location}: {error.message}") from None
        archive = unpack(data, passphrase)
        folder = self.folder / uid
        folder.mkdir(mode=0o700, parents=True)
        (folder / "metadata.db").touch(0o600)
        (folder / "metadata.db").write_bytes(archive.metadata)
        if archive.keys is not None:
            write_private(folder / KEY_FILE, archive.keys)
        source = bucket_name(archive.spec["SourceBucketArn"])
        write_private(
            folder / "from.json", json.dumps({"bucket": source, "environment": archive.environment})
        )
        return archive.spec, str(folder)

    def discard(self, origin: str) -> None:
        """Forget an import that comes to nothing."""
        shutil.rmtree(origin, ignore_errors=True)

    def _open(self, bucket: str) -> ObjectStore:
        return open_at(self.jobs.access, bucket)


def load_origin(jobs: Jobs, row: Environment) -> None:
    """Fill a new cell, of which the files are there and nothing runs; again after a crash. Raises CannotApply."""
    if row.origin is None:
        return
    folder, home = Path(row.origin), jobs.provisioner.home(row.name)
    copy = home / "import.db"
    shutil.copyfile(folder / "metadata.db", copy)
    copy.chmod(0o600)
    give_to_owner(copy, home)
    run_runner(jobs, "load", home, copy)
    copy.unlink()
    _copy_values(jobs, row, json.loads((folder / "from.json").read_text(encoding="utf-8")))


def _copy_values(jobs: Jobs, row: Environment, source: dict[str, str]) -> None:
    """XComs that are too large for the database are objects below the environment's logs."""
    bucket = bucket_name(row.spec["SourceBucketArn"])
    here = open_at(jobs.access, bucket, f"logs/{row.name}")
    there = open_at(jobs.access, source["bucket"], f"logs/{source['environment']}")
    try:
        for found in there.list("xcom/"):
            here.put(found.key, there.get(found.key))
    except ObjectStoreError as error:
        place = f"s3://{source['bucket']}/logs/{source['environment']}/xcom"
        message = f"cannot copy large XComs from {place}: {error.message}"
        fix = f"let the service read them and write below s3://{bucket}/logs/{row.name}"
        raise CannotApply(INCORRECT_CONFIGURATION, message, fix) from None
