"""One question to a cell: GET /healthz on the engine's private socket."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow._wire import cell as wire

from control_plane.unix_http import UnixConnection
from infra.provisioner import CellPlan


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


def waiting_for(plan: CellPlan) -> Callable[[dict[str, Any] | None], bool]:
    """Whether the engine is ready and the plan's cell.json is in force, as a question to what it says of itself."""
    revision = wire.from_json(plan.files["cell.json"]).revision
    return lambda health: is_ready(health) and is_in_force(health, revision)
