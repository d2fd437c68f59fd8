"""A real edge on a real port, with cells that answer as they are told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError

from control_plane.api.app import create_app
from control_plane.domain.environment import LastUpdate
from control_plane.domain.status import Status
from control_plane.operations.service import CellRequest, CellResponse, CellUnreachable, Service
from control_plane.operations.trail import Trail
from control_plane.store import environments
from control_plane.store.database import ServiceDatabase
from control_plane.store.keys import Credentials, bootstrap_admin
from control_plane.store.vault import open_vault

PLAIN = Config(inject_host_prefix=False, parameter_validation=False, retries={"total_max_attempts": 1})
"""Sends what it is given, once: refusing it is our work."""
REGION, ACCOUNT = "us-east-1", "123456789012"


@dataclass
class FakeCells:
    """Cells that keep what they were asked and answer what a test wants."""

    answer: CellResponse | CellUnreachable
    asked: list[tuple[str, CellRequest]] = field(default_factory=list)

    def call(self, environment: str, request: CellRequest, timeout: float) -> CellResponse:
        self.asked.append((environment, request))
        if isinstance(self.answer, CellUnreachable):
            raise self.answer
        return self.answer


@dataclass
class Server:
    """What a test needs to know of the running edge."""

    port: int
    db: ServiceDatabase
    credentials: Credentials
    cells: FakeCells
    changes: list[int]
    trail: Trail

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str = "mwaa", **options: Any) -> Any:
        settings: dict[str, Any] = {
            "endpoint_url": self.url,
            "region_name": REGION,
            "aws_access_key_id": self.credentials.access_key_id,
            "aws_secret_access_key": self.credentials.secret_access_key,
            "config": PLAIN,
        }
        return boto3.client(service, **{**settings, **options})

    def set_status(self, name: str, *path: Status) -> None:
        """Walk an environment along edges of the status table, as the reconciler would."""
        with self.db.begin() as conn:
            for status in path:
                before = environments.get(conn, name).status
                assert environments.transition(conn, name, [before], status, time.time())

    def raw(self, request: bytes) -> bytes:
        """Send bytes, read until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        return answer


@contextmanager
def running(home: Path, **more: Any) -> Iterator[Server]:
    """An edge over a fresh database in `home`; `more` are other parts of its Service."""
    db = ServiceDatabase(f"sqlite:///{home}/service.db")
    db.prepare()
    vault = open_vault(home / "master.key")
    with db.begin() as conn:
        credentials = bootstrap_admin(conn, vault, ACCOUNT, time.time())
    cells, changes = FakeCells(CellResponse(200, "application/json", b"{}")), []
    trail = Trail(db)
    service = Service(
        db=db,
        vault=vault,
        cells=cells,
        region=REGION,
        account_id=ACCOUNT,
        web_host="localhost:8443",
        clock=time.time,
        on_change=lambda: changes.append(1),
        trail=trail,
        **more,
    )
    config = uvicorn.Config(create_app(service), port=0, lifespan="off", http="httptools", log_config=None)
    with _serving(uvicorn.Server(config)) as port:
        yield Server(port, db, credentials, cells, changes, trail)
    trail.flush()
    db.close()


@contextmanager
def _serving(server: uvicorn.Server) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield port  # connections wait in the listener's queue until the server takes them
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


MINIMAL: dict[str, Any] = {
    "ExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/execution",
    "SourceBucketArn": "arn:aws:s3:::bucket",
    "DagS3Path": "dags",
    "NetworkConfiguration": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
}
"""The least CreateEnvironment takes, without its Name."""


S = Status
PATHS: dict[Status, tuple[Status, ...]] = {
    S.CREATING: (),
    S.CREATE_FAILED: (S.CREATE_FAILED,),
    S.AVAILABLE: (S.AVAILABLE,),
    S.PENDING: (S.PENDING,),
    S.UPDATING: (S.AVAILABLE, S.UPDATING),
    S.UPDATE_FAILED: (S.AVAILABLE, S.UPDATING, S.UPDATE_FAILED),
    S.ROLLING_BACK: (S.AVAILABLE, S.UPDATING, S.ROLLING_BACK),
    S.CREATING_SNAPSHOT: (S.AVAILABLE, S.UPDATING, S.CREATING_SNAPSHOT),
    S.UNAVAILABLE: (S.AVAILABLE, S.UNAVAILABLE),
    S.MAINTENANCE: (S.AVAILABLE, S.MAINTENANCE),
    S.DELETING: (S.AVAILABLE, S.DELETING),
    S.DELETED: (S.AVAILABLE, S.DELETING, S.DELETED),
}
"""How an environment gets into a status."""


def make(server: Server, name: str, status: Status = S.AVAILABLE) -> Any:
    """An environment in a status; returns a client."""
    client = server.client()
    client.create_environment(Name=name, **MINIMAL)
    server.set_status(name, *PATHS[status])
    return client


def finish(server: Server, name: str, error: str | None = None) -> None:
    """What the reconciler does in the end."""
    now = time.time()
    with server.db.begin() as conn:
        row = environments.get(conn, name)
        if row.status is Status.CREATING:
            environments.transition(
                conn, name, [row.status], Status.AVAILABLE, now, LastUpdate("SUCCESS", now)
            )
        elif row.status is Status.DELETING:
            environments.delete(conn, name)
        elif error is None:
            done = LastUpdate("SUCCESS", now, strategy=row.strategy)
            assert environments.apply_wanted(conn, name, now, done)
        else:
            failed = LastUpdate("FAILED", now, "INCORRECT_CONFIGURATION", error, strategy=row.strategy)
            environments.drop_wanted(conn, name, [row.status], Status.UPDATE_FAILED, now, failed)


def refused(operation: Any, **arguments: Any) -> ClientError:
    """The error that a call must raise."""
    with pytest.raises(ClientError) as caught:
        operation(**arguments)
    return caught.value


def code(error: ClientError) -> tuple[str, int]:
    """AWS's code and the HTTP status."""
    return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
