"""One question to a cell: GET /healthz on the engine's private socket."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

from control_plane.unix_http import UnixConnection


def find_health(path: Path, token: str, timeout: float = 1.0) -> dict[str, Any] | None:
    """What the engine says of itself (not ready included); None when it does not answer."""
    connection = UnixConnection(path, timeout)
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


def is_in_force(health: dict[str, Any] | None, revision: int) -> bool:
    """Whether engine and agents run by this revision of the cell's spec, or by a newer one."""
    return health is not None and int(health.get("revision", 0)) >= revision
