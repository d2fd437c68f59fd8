"""Pausing an environment: no process of it runs and nothing of it is lost.

    AVAILABLE -> UPDATING -> UNAVAILABLE   paused; LastUpdate says so, and how to resume it
    UNAVAILABLE -> AVAILABLE               resumed, or updated: the work that was due meanwhile is begun as always

GRACEFUL hands out no more tasks and waits for those that run; FORCED ends them, and they are tried again after it as
their retries allow. With no process left, the cell is free to be made of what the service has now: a newer image.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow._wire import cell as wire

from control_plane.domain.environment import Environment
from control_plane.reconcile.health import is_in_force, is_ready
from control_plane.reconcile.jobs import Interrupted, Jobs
from control_plane.store import environments
from infra.provisioner import CellPlan

_LOOK_SECONDS = 0.1
FORCED_REASON = "the environment was paused and its owner wanted running tasks ended (FORCED)"


def pause(jobs: Jobs, row: Environment) -> None:
    """UPDATING to UNAVAILABLE with nothing running. Raises Interrupted when the service stops meanwhile."""
    jobs.journal.begin(row.name)
    if row.paused == "GRACEFUL":
        jobs.tell(row.name, "pausing: running tasks finish, none begins")
        _drain(jobs, row)
    jobs.tell(row.name, "pausing: ending the processes")
    jobs.end_cell(row.name, FORCED_REASON)
    jobs.provisioner.renew(row.name)
    jobs.step(row.name, "paused")
    done = replace(
        row.last_update,
        status="SUCCESS",
        source=f"paused: no process of it runs; aerodrome environments resume {row.name}",
    )
    with jobs.database.begin() as connection:
        environments.end_pause(connection, row.name, jobs.clock(), done)


def _drain(jobs: Jobs, row: Environment) -> None:
    """Until no task runs. A cell that does not answer runs none that could be waited for."""
    try:
        spec = wire.read(jobs.provisioner.home(row.name) / "cell.json")
    except (OSError, ValueError, KeyError, TypeError):
        return  # a cell that cannot be told anything
    draining = wire.follow(spec, replace(spec, draining=True))
    files = {"cell.json": draining.to_json()}
    jobs.provisioner.create(CellPlan(row.name, jobs.list_processes(row), files))
    while jobs.provisioner.observe(row.name).is_running("agent") and not _is_hurried(jobs, row.name):
        health = jobs.find_health(row.name)
        if is_ready(health) and is_in_force(health, draining.revision) and not _count(health):
            return
        if jobs.stopping.wait(_LOOK_SECONDS):
            raise Interrupted


def _is_hurried(jobs: Jobs, name: str) -> bool:
    """Whether its owner has asked once more, and wants no waiting."""
    with jobs.database.read() as connection:
        found = environments.find(connection, name)
    return found is None or found.paused != "GRACEFUL"


def _count(health: dict[str, Any] | None) -> int:
    """Attempts that agents hold, callbacks among them."""
    return sum(int(agent.get("attempts", 0)) for agent in (health or {}).get("agents", ()))
