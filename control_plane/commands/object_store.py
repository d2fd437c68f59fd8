"""The service's S3: the user's, or the embedded one, which is started, adopted and started again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os

from control_plane.commands.options import find_endpoints
from control_plane.commands.wiring import own_process_env
from control_plane.reconcile.cell import ObjectStoreAccess
from control_plane.settings import Settings
from infra import embedded_s3

log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0


def open_access(settings: Settings) -> ObjectStoreAccess:
    """How cells reach S3. Starts the embedded one where no other is named. Raises CannotStart."""
    if settings.s3_endpoint is not None:
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return ObjectStoreAccess(settings.s3_endpoint, settings.region, *map(os.environ.get, keys))
    port = _start(settings)
    # It checks no signatures; cells get a key of no power and not the administrator's.
    return ObjectStoreAccess(
        f"http://127.0.0.1:{port}", settings.region, "embedded", "embedded-s3-checks-no-key"
    )


def _start(settings: Settings) -> int:
    """For port 0 the former one is tried first: a restart keeps its addresses."""
    env = own_process_env()
    former = find_endpoints(settings.paths)
    if settings.s3_port == 0 and former and former.s3_url and former.s3_url.startswith("http://127.0.0.1:"):
        with contextlib.suppress(embedded_s3.CannotStart):
            return embedded_s3.ensure(settings.home, int(former.s3_url.rpartition(":")[2]), env)
    return embedded_s3.ensure(settings.home, settings.s3_port, env)


async def keep(settings: Settings, access: ObjectStoreAccess) -> None:
    """Start the embedded S3 again when it dies, on the port that everybody knows. Its objects are lost."""
    if settings.s3_endpoint is not None:
        return
    port = int(str(access.endpoint).rpartition(":")[2])
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if embedded_s3.find_port(settings.home) is None:
            log.error("the embedded S3 died; its objects are lost, it starts again empty")
            try:
                await asyncio.to_thread(embedded_s3.ensure, settings.home, port, own_process_env())
            except embedded_s3.CannotStart as error:
                log.error("the embedded S3 does not start again", extra={"reason": str(error)})


def close(settings: Settings) -> None:
    """End the embedded S3, if that is what there is."""
    if settings.s3_endpoint is None:
        embedded_s3.stop(settings.home)
