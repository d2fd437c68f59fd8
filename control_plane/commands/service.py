"""The service put together: the composition root of `aerodrome up`.

Order: lock, sockets, keys, database, object store, reconciler, then serve. What fails says so in one line and
leaves nothing running. On the way out: no new jobs, requests end, cells stop, the object store stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, Any

import click
from airflow._wire import jsonlog

from control_plane.commands import ground, object_store, wiring
from control_plane.commands.listen import CannotListen, Sockets, bind, serve
from control_plane.commands.options import Endpoints, find_endpoints
from control_plane.commands.provisioner import Site, open_site
from control_plane.private_files import write_private
from control_plane.reconcile.cell import ObjectStoreAccess
from control_plane.settings import Paths, Settings
from control_plane.tls import Identity, ensure_identity
from infra import embedded_s3
from infra.locks import LockTaken, hold
from infra.provisioner import Provisioner

_CELL_GRACE = 10.0
_JOB_SECONDS = 5.0


class CannotServe(RuntimeError):
    """The service cannot start; the message is one line for its owner."""


class _AskedToStop(BaseException):
    """A signal before the service serves: what it has begun by then is undone all the same."""


def run(settings: Settings) -> None:
    """Be the service until SIGINT, SIGTERM or SIGHUP. Raises CannotServe."""
    began = time.monotonic()
    paths = settings.paths
    with _start_errors():
        paths.make()
        lock = _hold_home(paths)
        sockets = _bind(settings, paths)
    wiring.name_process("aerodrome control-plane")
    jsonlog.configure(paths.log / "control-plane.log")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # it tells of every start, twice
    with lock, contextlib.ExitStack() as undo:
        undo.callback(sockets.plain.close)
        undo.callback(sockets.tls.close)
        with _start_errors(), contextlib.suppress(_AskedToStop):
            _heed_signals()
            _serve(settings, sockets, began, undo)
    sys.stdout.flush()
    os._exit(0)  # all is undone; a job that still waits for an installer must not hold us up


def _serve(settings: Settings, sockets: Sockets, began: float, undo: contextlib.ExitStack) -> None:
    paths = settings.paths
    renew = partial(_renew_identity, settings)
    renew()
    undo.callback(object_store.close, settings)
    stores = wiring.open_stores(settings)
    access, keys = object_store.open_access(settings, stores)
    endpoints = _endpoints(settings, sockets, access)
    site = _open_site(settings, access)
    service = wiring.build(settings, sockets.tls_port, stores, access, keys, site)
    undo.callback(service.close)
    undo.callback(_stop_cells, site.provisioner)
    endpoints.write(paths.endpoints)
    _write_credentials(paths, service.credentials)
    undo.callback(service.reconciler.stop, _JOB_SECONDS)
    service.reconciler.start()
    service.prepare_interpreter(_say)
    warning = ground.read(paths).warning
    if warning is not None:
        logging.getLogger(__name__).warning(warning)
        _say(warning)
    _say_ready(settings, endpoints, time.monotonic() - began)
    asyncio.run(_until_signal(service.app, sockets, renew, object_store.keep(settings, access)))
    _exit_at_once_when_asked_again()
    _say("stopping: environments, then the object store (Ctrl-C again to leave them as they are)")


def _renew_identity(settings: Settings) -> Identity:
    """The certificate for every host we are known by: the one there is while it is good."""
    domain = (settings.web_domain or "").partition(":")[0]
    hosts = (settings.host, socket.gethostname(), domain)
    return ensure_identity(settings.paths.keys, hosts, dt.datetime.now(dt.UTC))


async def _until_signal(
    app: Any, sockets: Sockets, renew: Callable[[], Identity], chore: Coroutine[Any, Any, None]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _on_signal, stop)
    background = loop.create_task(chore)
    await serve(app, sockets, renew, stop)
    background.cancel()


def _on_signal(stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(130)
    stop.set()


def _heed_signals() -> None:
    """From the first thing that must be undone; the event loop takes over."""

    def stop(*_: object) -> None:
        _exit_at_once_when_asked_again()
        raise _AskedToStop

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def _exit_at_once_when_asked_again() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(130))


@contextlib.contextmanager
def _start_errors() -> Iterator[None]:
    """The failures that a person can mend, as one line."""
    try:
        yield
    except (CannotListen, embedded_s3.CannotStart, wiring.CannotWire, ground.NoGround, OSError) as error:
        text = str(error)
        raise CannotServe(
            text if text.startswith("cannot ") else f"cannot start the service: {text}"
        ) from error


def _hold_home(paths: Paths) -> IO[str]:
    try:
        return hold(paths.lock("control-plane"), "control-plane")
    except LockTaken as error:
        stop = f"stop it with `aerodrome down --home {paths.home}` or choose another --home"
        raise CannotServe(f"cannot start in {paths.home}: {str(error).partition(': ')[2]}; {stop}") from None


def _open_site(settings: Settings, access: ObjectStoreAccess) -> Site:
    """What cells run on, written down for `down` and `status`."""
    roots = wiring.find_roots()
    code = (roots.code, roots.sdk, Path(sys.executable).resolve().parent, Path(sys.prefix))
    decision = ground.decide(settings, (access.endpoint, settings.database), code)
    site = open_site(settings.paths, decision, roots)
    ground.write(settings.paths, decision)
    return site


def _bind(settings: Settings, paths: Paths) -> Sockets:
    former = find_endpoints(paths)
    ports = (_port(former.url), _port(former.tls_url)) if former else (0, 0)
    return bind(settings.host, settings.port, settings.tls_port, ports)


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _endpoints(settings: Settings, sockets: Sockets, access: ObjectStoreAccess) -> Endpoints:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104 - compared, not bound
    return Endpoints(
        url=f"http://{host}:{sockets.port}",
        tls_url=f"https://localhost:{sockets.tls_port}",
        s3_url=access.endpoint,
        region=settings.region,
        ca=str(settings.paths.ca),
        database=settings.database,
    )


def _write_credentials(paths: Paths, credentials: wiring.AdminKey) -> None:
    facts = {"access_key_id": credentials.id, "secret_access_key": credentials.secret}
    write_private(paths.credentials, json.dumps(facts, indent=1))


def _stop_cells(provisioner: Provisioner) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: provisioner.stop(name, _CELL_GRACE), provisioner.names()))


def _say_ready(settings: Settings, endpoints: Endpoints, seconds: float) -> None:
    s3 = endpoints.s3_url or "AWS"
    _say(f"ready in {seconds:.1f} s   {endpoints.url}   {endpoints.tls_url}   S3 {s3}   home {settings.home}")
    home = "" if settings.home == Path("~/.aerodrome").expanduser() else f" --home {settings.home}"
    _say(f'try:  eval "$(aerodrome env{home})" && aws mwaa list-environments      stop: Ctrl-C')


def _say(text: str) -> None:
    click.echo(text)
    sys.stdout.flush()
