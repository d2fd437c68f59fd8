"""One question to a cell: GET /healthz on the engine's private socket."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("cell", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def find_health(path: Path, token: str, timeout: float = 1.0) -> dict[str, Any] | None:
    """What the engine says of itself (not ready included); None when it does not answer."""
    connection = _UnixConnection(path, timeout)
    try:
        connection.request("GET", "/healthz", headers={"Authorization": f"Bearer {token}"})
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else None


def is_ready(health: dict[str, Any] | None) -> bool:
    """Whether the engine schedules: it has its lease and an agent."""
    return health is not None and bool(health.get("ready", health.get("status") == "healthy"))
