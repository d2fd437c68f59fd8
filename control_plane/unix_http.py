"""HTTP over a Unix socket, the way to every cell; below all that ask cells something."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path


class UnixConnection(http.client.HTTPConnection):
    """A connection to the server that listens on `path`; `timeout` is for each step of the conversation."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("cell", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket file."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
