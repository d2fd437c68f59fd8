"""What AWS has no operation for: PauseEnvironment and ResumeEnvironment.

A paused environment is UNAVAILABLE, which is what it is for its callers, with a LastUpdate that succeeded and says that
it is paused. It keeps its metadata, its packages and its place in the list; no process of it runs.
"""

from __future__ import annotations

from typing import Any

from control_plane.domain import model
from control_plane.domain.environment import DEFAULT_STRATEGY, LastUpdate, Strategy
from control_plane.domain.errors import validation
from control_plane.domain.validation import validate
from control_plane.operations.service import Call, Service
from control_plane.store import environments


def pause_environment(service: Service, call: Call) -> dict[str, Any]:
    """Have no process run. GRACEFUL lets running tasks finish; FORCED, also of one that waits for them, ends them."""
    name = call.path["Name"]
    validate(model.PAUSE, {**call.body, "Name": name})
    strategy: Strategy = call.body.get("WorkerReplacementStrategy") or DEFAULT_STRATEGY
    update = LastUpdate("PENDING", service.clock(), source="PauseEnvironment", strategy=strategy)
    with service.db.begin() as conn:
        found = environments.get(conn, name)
        if not environments.put_pause(conn, name, strategy, update):
            how = "is paused already" if found.is_paused else f"cannot be paused in status {found.status}"
            raise validation(f"Environment {name} {how}. GetEnvironment shows what it is doing.")
    service.on_change()
    return {"Arn": found.arn}


def resume_environment(service: Service, call: Call) -> dict[str, Any]:
    """Have the processes run again: AVAILABLE within seconds."""
    name = call.path["Name"]
    validate(model.NAMED, {"Name": name})
    update = LastUpdate("PENDING", service.clock(), source="ResumeEnvironment")
    with service.db.begin() as conn:
        found = environments.get(conn, name)
        if not environments.put_resume(conn, name, update):
            raise validation(f"Environment {name} is not paused: its status is {found.status}.")
    service.on_change()
    return {"Arn": found.arn}
