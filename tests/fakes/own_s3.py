"""The embedded object store as tests use it: a real process with real keys, in a home of its own."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from control_plane.settings import Paths
from control_plane.store import keys as access_keys
from control_plane.store import policies, principals
from control_plane.store.keys import Credentials, bootstrap_admin
from control_plane.store.opening import open_prepared
from control_plane.store.vault import open_vault
from infra import embedded_s3
from infra.locks import find_holder
from infra.provisioner import ProcessSpec

_ROOT = Path(__file__).parents[2]
ACCOUNT, REGION = "123456789012", "us-east-1"


class OwnS3:
    """One store. What it holds stays when it is stopped and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        paths = Paths(home)
        paths.make()
        self.database = open_prepared(f"sqlite:///{paths.database}")
        self.vault = open_vault(paths.keys / "master.key")
        with self.database.begin() as conn:
            self.admin = bootstrap_admin(conn, self.vault, ACCOUNT, time.time())
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        """Where the objects are."""
        return Paths(self.home).objects

    @property
    def pid(self) -> int:
        holder = find_holder(Paths(self.home).lock("s3"))
        assert holder is not None
        return holder.pid

    def start(self) -> None:
        """Returns when it answers, on the port it had before."""
        argv = (sys.executable, "-m", "control_plane.commands.object_store_server", "--home", str(self.home))
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{_ROOT}:{_ROOT / 'runner' / 'sdk'}",
            "PYTHONUNBUFFERED": "1",
        }
        spec = ProcessSpec("s3", (*argv, "--port", str(self.port)), env)
        self.port = embedded_s3.ensure(self.home, spec)

    def stop(self) -> None:
        embedded_s3.stop(self.home)

    def client(self, keys: Credentials | None = None, **config: Any) -> Any:
        """A boto3 client, of the administrator if nobody else is named."""
        who = keys or self.admin
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=who.access_key_id,
            aws_secret_access_key=who.secret_access_key,
            aws_session_token=who.session_token,
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    def variables(self) -> dict[str, str]:
        """For clients that are programs."""
        return {
            "AWS_ACCESS_KEY_ID": self.admin.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.admin.secret_access_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
        }

    def options(self, bucket: str, **more: Any) -> dict[str, Any]:
        """Arguments for `sync.objects.open_store`."""
        keys = {
            "access_key_id": self.admin.access_key_id,
            "secret_access_key": self.admin.secret_access_key,
        }
        return {"bucket": bucket, "endpoint": self.endpoint, **keys, **more}


@contextmanager
def running_own_s3(home: Path) -> Iterator[OwnS3]:
    """The store for as long as the block runs."""
    store = OwnS3(home)
    store.start()
    try:
        yield store
    finally:
        store.stop()
        store.database.close()


def make_user(s3: OwnS3, name: str, *statements: dict[str, Any]) -> Credentials:
    """A user with these rights."""
    with s3.database.begin() as conn:
        user = principals.make("user", ACCOUNT, name, time.time())
        principals.insert(conn, user)
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        policies.put_inline(conn, user.id, "own", json.dumps(document))
        return access_keys.create_key(conn, s3.vault, user.id, time.time())
