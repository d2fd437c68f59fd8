"""A real S3 over HTTP for tests: moto's server in a process of its own, to stop and start at will."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_KEYS = {"access_key_id": "AKIDTEST", "secret_access_key": "secret"}


class S3Server:
    """moto on one port. What it holds is gone when it stops."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when the server answers."""
        command = [sys.executable, "-m", "tests.fakes.moto_server", str(self.port)]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, cwd=_ROOT, stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=5).close()
                return
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def make_bucket(self, bucket: str) -> None:
        request = urllib.request.Request(f"{self.endpoint}/{bucket}", method="PUT", headers=_AUTH)
        urllib.request.urlopen(request, timeout=10).close()

    def seed(self, bucket: str, objects: dict[str, str]) -> None:
        """Put many objects at once."""
        url, data = f"{self.endpoint}/seed/{bucket}", json.dumps(objects).encode()
        urllib.request.urlopen(urllib.request.Request(url, data, method="POST"), timeout=30).close()

    def options(self, bucket: str, **more: Any) -> dict[str, Any]:
        """Arguments for `open_store`."""
        return {"bucket": bucket, "endpoint": self.endpoint, **_KEYS, **more}


_AUTH = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIDTEST/20260101/us-east-1/s3/aws4_request"}


@contextmanager
def running_s3() -> Iterator[S3Server]:
    server = S3Server()
    server.start()
    try:
        yield server
    finally:
        server.stop()
