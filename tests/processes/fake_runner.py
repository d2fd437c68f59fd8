"""A cell's processes as the control plane sees them: locks, a private socket, and nothing behind it.

Run as `python -m runner engine|agent --home DIR` from a folder in which this file is `runner/__main__.py`.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socketserver
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from airflow._wire import cell
from airflow._wire.layout import Layout


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        spec = cell.read(LAYOUT.spec)
        if spec.config.get("core.executor") == "broken":
            print("aerodrome: there is no executor of that name", flush=True)
            os._exit(1)
        allowed = self.headers["Authorization"] == f"Bearer {spec.token}"
        agents = [{"attempts": len(list(LAYOUT.attempts.iterdir())), "revision": spec.revision}]
        facts = {"ready": allowed, "revision": spec.revision, "agents": agents, "processes": []}
        body = json.dumps(facts).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *args: object) -> None:
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


ROLE, LAYOUT = sys.argv[1], Layout(Path(sys.argv[3]))
LAYOUT.make()
if ROLE == "save":
    if (LAYOUT.home.parent / "break-copies").exists():
        sys.exit("aerodrome: cannot copy the metadata: the disk is full")
    Path(sys.argv[5]).parent.mkdir(exist_ok=True)
    sys.exit(Path(sys.argv[5]).write_text("the metadata") and 0)
if (LAYOUT.home.parent / "break-engines").exists() and ROLE == "engine":
    sys.exit("aerodrome: cannot open the metadata database: the disk is full")
lock = LAYOUT.lock(ROLE).open("a+")
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
lock.truncate(0)
json.dump({"role": ROLE, "environment": cell.read(LAYOUT.spec).environment, "pid": os.getpid()}, lock)
lock.flush()
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
if ROLE == "engine":
    LAYOUT.api_socket.unlink(missing_ok=True)
    Server(str(LAYOUT.api_socket), Handler).serve_forever()
while True:
    signal.pause()
