"""The embedded object store as a process of its own: `infra`'s store and edge, our keys and policies.

    python -m control_plane.commands.object_store_server --home DIR --host H --port N --region R --account A

Started and kept by the service, which it outlives: `run/s3.lock` in the home names its pid and port while it answers.
The service database is named by AERODROME_DATABASE (a URL may hold a password), else it is the home's own.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import IO

import uvloop
from airflow._wire import jsonlog
from setproctitle import setproctitle

from control_plane.api.s3.authorizer import KeyAuthorizer
from control_plane.settings import Paths
from control_plane.store.database import ServiceDatabase
from control_plane.store.vault import open_vault
from infra.embedded_s3 import ROLE
from infra.locks import LockTaken, hold, write_facts
from infra.object_store.http.front import Site
from infra.object_store.http.service import serve
from infra.object_store.store.locking import StoreTaken


def run(home: Path, host: str, port: int, region: str, account: str, database: str | None) -> None:
    """Be the store until SIGTERM. Raises LockTaken, StoreTaken, OSError, ValueError."""
    paths = Paths(home)
    setproctitle("aerodrome s3")
    jsonlog.configure(paths.log / "s3.log")
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    lock = hold(paths.lock(ROLE), ROLE)
    sock = _listen(host, port)
    db = ServiceDatabase(database or f"sqlite:///{paths.database}")
    site = make_site(region, account, host)
    authorizer = KeyAuthorizer(db, open_vault(paths.keys / "master.key"), region, time.time, site.domains)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(paths, sock, authorizer, site, lock))
    db.close()


def make_site(region: str, account: str, host: str) -> Site:
    """What the store says of itself."""
    owner = hashlib.sha256(account.encode()).hexdigest()
    names = {
        "localhost",
        "s3.localhost",
        f"s3.{region}.localhost",
        socket.gethostname().lower(),
        host.lower(),
    }
    domains = sorted(names, key=len, reverse=True)
    return Site(region, account, owner, tuple(domains))


async def _serve(
    paths: Paths, sock: socket.socket, authorizer: KeyAuthorizer, site: Site, lock: IO[str]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    port = sock.getsockname()[1]

    def tell(_store: object) -> None:
        gc.collect()
        gc.freeze()
        write_facts(lock, role=ROLE, environment="", pid=os.getpid(), started=time.time(), port=port)

    await serve(paths.objects, sock, authorizer, site, stop, tell)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.bind((host, port))
    sock.setblocking(False)
    return sock


def main(argv: list[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="aerodrome s3", description="The embedded object store of a home.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000, help="0 picks a free one")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--account", default="123456789012")
    options = parser.parse_args(argv)
    database = os.environ.get("AERODROME_DATABASE") or None
    try:
        run(options.home, options.host, options.port, options.region, options.account, database)
    except (LockTaken, StoreTaken, OSError, ValueError) as error:
        where = f"{options.host}:{options.port}"
        print(f"aerodrome: cannot serve S3 on {where}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
