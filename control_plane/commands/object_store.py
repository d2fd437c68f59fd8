"""The service's S3: the user's, or the embedded one, which is started, adopted and started again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time

from control_plane.commands.options import find_endpoints
from control_plane.commands.wiring import Stores, own_process_env
from control_plane.operations.cell_access import CellKeys, service_credentials
from control_plane.reconcile.cell import ObjectStoreAccess
from control_plane.reconcile.cell_keys import IssuedKeys, KeyIssuer, SharedKeys
from control_plane.settings import Settings
from infra import embedded_s3
from infra.provisioner import ProcessSpec

log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0


def open_access(settings: Settings, stores: Stores) -> tuple[ObjectStoreAccess, KeyIssuer]:
    """How the service reaches S3, and with which keys cells do. Raises CannotStart.

    Starts the embedded one where no other is named.
    """
    if settings.s3_endpoint is not None:
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        access = ObjectStoreAccess(settings.s3_endpoint, settings.region, *map(os.environ.get, keys))
        return access, SharedKeys(access)
    port = _start(settings)
    with stores.database.begin() as conn:
        own = service_credentials(conn, stores.vault, settings.account_id, time.time())
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104 - compared, not bound
    access = ObjectStoreAccess(
        f"http://{host}:{port}", settings.region, own.access_key_id, own.secret_access_key
    )
    issuer = CellKeys(stores.database, stores.vault, settings.account_id, time.time)
    return access, IssuedKeys(access, issuer, time.time)


def _start(settings: Settings) -> int:
    """For port 0 the former one is tried first: a restart keeps its addresses."""
    former = find_endpoints(settings.paths)
    if settings.s3_port == 0 and former and former.s3_url and former.s3_url.startswith("http://"):
        with contextlib.suppress(embedded_s3.CannotStart):
            return embedded_s3.ensure(
                settings.home, make_spec(settings, int(former.s3_url.rpartition(":")[2]))
            )
    return embedded_s3.ensure(settings.home, make_spec(settings, settings.s3_port))


def make_spec(settings: Settings, port: int) -> ProcessSpec:
    """The embedded S3 as a process. Its database is told by the environment: a URL may hold a password."""
    argv = (
        *(sys.executable, "-m", "control_plane.commands.object_store_server"),
        *("--home", str(settings.home), "--host", settings.host, "--port", str(port)),
        *("--region", settings.region, "--account", settings.account_id),
    )
    return ProcessSpec(
        embedded_s3.ROLE, argv, {**own_process_env(), "AERODROME_DATABASE": settings.database or ""}
    )


async def keep(settings: Settings, access: ObjectStoreAccess) -> None:
    """Start the embedded S3 again when it dies, on the port that everybody knows. It lost nothing."""
    if settings.s3_endpoint is not None:
        return
    spec = make_spec(settings, int(str(access.endpoint).rpartition(":")[2]))
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if embedded_s3.find_port(settings.home) is None:
            log.error("the embedded S3 died; it starts again with what it has")
            try:
                await asyncio.to_thread(embedded_s3.ensure, settings.home, spec)
            except embedded_s3.CannotStart as error:
                log.error("the embedded S3 does not start again", extra={"reason": str(error)})


def close(settings: Settings) -> None:
    """End the embedded S3, if that is what there is. What it holds stays."""
    if settings.s3_endpoint is None:
        embedded_s3.stop(settings.home)
