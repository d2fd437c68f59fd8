"""How the cell is: one document for the control plane, `aerodrome status` and people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from starlette.responses import Response

from runner.api.answers import moment, reply
from runner.api.call import Call
from runner.store.bundles import find_active
from runner.store.dag_files import count_import_errors
from runner.store.listing_processes import list_processes
from runner.store.listing_states import count_open_runs, count_open_tasks

if TYPE_CHECKING:
    from sync.mirror import SyncReport

_FEW = 20
SILENT_SECONDS = 20.0
"""The scheduler turns every five seconds at least and writes its processes down every ten: silent longer is stuck."""


def get_healthz(call: Call) -> Response:
    """GET /healthz"""
    with call.cell.db.read() as conn:
        return reply(read_health(call, conn))


def read_health(call: Call, conn: sa.Connection) -> dict[str, Any]:
    """The document. `ready`: there is a snapshot, the scheduler turns, and an agent is there to run tasks."""
    status = dict(call.cell.scheduler.status())
    agents = list(status.pop("agents", ()))
    sync = call.cell.sync_status()
    bundle = find_active(conn)
    has_files = bundle is not None or (sync is not None and sync.digest is not None)
    last_turn = status.get("last_turn")
    alive = is_alive(last_turn, call.cell.clock())
    processes = [
        _process_body(row)
        for row in list_processes(conn)
        if row.role != "triggerer" and is_present(row, agents, call.cell.clock())  # its agent names it, below
    ]
    of_agents = [item for agent in agents for item in agent.get("processes", ())]
    return {
        "ready": bool(has_files and alive and agents),
        "environment": call.cell.spec.environment,
        "airflow_version": call.cell.spec.airflow_version,
        "revision": find_revision(status.pop("revision", 0), agents),
        "active_bundle": bundle,
        "scheduler": {**status, "alive": alive},
        "agents": [{key: value for key, value in agent.items() if key != "processes"} for agent in agents],
        "processes": processes + of_agents,
        "sync": None if sync is None else _sync_body(sync),
        "queue": {**count_open_tasks(conn), "runs": count_open_runs(conn)},
        "import_errors": count_import_errors(conn),
        "at": moment(call.cell.clock()),
    }


def find_revision(engine: int, agents: Iterable[Mapping[str, Any]]) -> int:
    """The revision of the cell's spec that is in force: the lowest that any of them runs by."""
    return min([engine, *(int(agent.get("revision", 0)) for agent in agents)])


def is_alive(last: float | None, now: float) -> bool:
    """Whether something that spoke last at `last`, or never, still works."""
    return last is not None and now - last <= SILENT_SECONDS


def is_present(row: Any, agents: Iterable[Mapping[str, Any]], now: float) -> bool:
    """Whether a process of the table is there still: an agent has a link to us, another has spoken lately."""
    if row.role == "agent":
        return any((agent.get("host"), agent.get("pid")) == (row.host, row.pid) for agent in agents)
    return is_alive(row.heartbeat, now)


def _sync_body(sync: SyncReport) -> dict[str, Any]:
    """The report, with the first few of the keys that were refused; all of them are import errors."""
    few = replace(sync, refused=sync.refused[:_FEW])
    return {**asdict(few), "refused_count": len(sync.refused)}


def _process_body(row: Any) -> dict[str, Any]:
    about = json.loads(row.details).get("about", "")
    return {
        "role": row.role,
        "pid": row.pid,
        "about": about,
        "host": row.host,
        "started_at": moment(row.started_at),
        "heartbeat": moment(row.heartbeat),
    }
