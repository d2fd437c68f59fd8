"""Runs `provider_dag.py` in an environment's venv against a web server, an S3 and an SQLite file of its own."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
SKIPPED = {"left", "cut_off"}
SECONDS = 300


class Answer(BaseHTTPRequestHandler):
    """Says yes to everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ok": true}')

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def list_wrong_ends(python: Path, sdk: Path) -> list[str]:
    """The tasks that did not end as they should, or what the interpreter said when it did not get there."""
    with tempfile.TemporaryDirectory() as folder, _web() as web, _s3() as s3:
        aws = {"endpoint_url": s3, "region_name": "us-east-1"}
        connections = {
            "AIRFLOW_CONN_H": web,
            "AIRFLOW_CONN_LITE": json.dumps({"conn_type": "sqlite", "host": f"{folder}/lite.db"}),
            "AIRFLOW_CONN_A": json.dumps({"conn_type": "aws", "login": "x", "password": "y", "extra": aws}),
        }
        done = subprocess.run(
            [python, Path(__file__).with_name("provider_dag.py")],
            cwd=folder,
            env={**os.environ, **connections, "PYTHONPATH": str(sdk)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    *_, last = done.stdout.splitlines() or [""]
    if not last.startswith('{"'):
        return [f"cannot run the operators of the packages: {done.stderr or done.stdout}"]
    ends = json.loads(last)
    return [
        f"{task_id} ended {state}"
        for task_id, state in ends.items()
        if state != ("skipped" if task_id in SKIPPED else "success")
    ]


@contextmanager
def _web() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@contextmanager
def _s3() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()
