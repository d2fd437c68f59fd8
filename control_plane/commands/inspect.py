"""What runs in a home, from locks, private sockets and the service database: true even with `up` gone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypedDict

from airflow._wire import cell as wire
from airflow._wire.layout import Layout

from control_plane.commands import ground
from control_plane.commands.provisioner import open_provisioner
from control_plane.operations.code import describe
from control_plane.reconcile.equipment import find_kept
from control_plane.reconcile.health import find_health, is_ready
from control_plane.reconcile.journal import Journal
from control_plane.reconcile.newest import find_newest
from control_plane.reconcile.plan import ROLES
from control_plane.settings import Paths
from infra.locks import find_holder, is_alive
from infra.provisioner import Provisioner

SERVICE_ROLES = ("control-plane", "s3")
_LONGEST_WORDS = 500


class ProcessEntry(TypedDict):
    """One living process of ours."""

    role: str
    environment: str
    pid: int


class EnvironmentEntry(TypedDict):
    """One environment, as its row, its cell and its journal have it."""

    name: str
    status: str
    ready: bool
    reason: str
    created: list[dict[str, Any]]
    health: dict[str, Any] | None
    doing: str
    """What is being done to it, when something is."""
    code: dict[str, Any]
    """What of its requirements, plugins and startup script is applied, and what is newest in the bucket."""
    last_words: str
    """What the engine printed last, when it does not answer."""


class Report(TypedDict):
    """All that `aerodrome status` tells."""

    home: str
    url: str | None
    warning: str | None
    """Who is not kept from whom."""
    processes: list[ProcessEntry]
    environments: list[EnvironmentEntry]


def inspect(paths: Paths, url: str | None, database: str | None) -> Report:
    """Look at everything. A database that cannot be read costs the rows' part, nothing else."""
    provisioner = open_provisioner(paths)
    rows = _find_rows(paths, database)
    is_ours = ground.read(paths).provisioner == "process"
    names = sorted(set(rows) | set(provisioner.names()))
    with ThreadPoolExecutor(8) as pool:
        healths = dict(
            zip(names, pool.map(lambda name: _find_health(provisioner.home(name)), names), strict=True)
        )
    return Report(
        home=str(paths.home),
        url=url,
        warning=ground.read(paths).warning,
        processes=[
            *_service(paths),
            *(entry for name in names for entry in _cell(provisioner, name, healths[name], is_ours)),
        ],
        environments=[
            _environment(paths, name, rows.get(name), healths[name], provisioner) for name in names
        ],
    )


def _service(paths: Paths) -> list[ProcessEntry]:
    holders = ((role, find_holder(paths.lock(role))) for role in SERVICE_ROLES)
    return [ProcessEntry(role=role, environment="", pid=holder.pid) for role, holder in holders if holder]


def _cell(
    provisioner: Provisioner, name: str, health: dict[str, Any] | None, is_ours: bool
) -> list[ProcessEntry]:
    """The roles that locks prove, then the zygotes and tasks of which the engine's agent has told.

    `is_ours`: their numbers are of this machine's processes, so those that have ended can be left out.
    """
    found = [
        ProcessEntry(role=role, environment=name, pid=pid)
        for role, pid in provisioner.observe(name).processes.items()
        if pid is not None
    ]
    return found + [
        ProcessEntry(role=entry["role"], environment=name, pid=entry["pid"])
        for entry in (health or {}).get("processes", [])
        if entry["role"] not in ROLES and (not is_ours or is_alive(entry["pid"]))
    ]


def _environment(
    paths: Paths,
    name: str,
    row: dict[str, Any] | None,
    health: dict[str, Any] | None,
    provisioner: Provisioner,
) -> EnvironmentEntry:
    home = provisioner.home(name)
    return EnvironmentEntry(
        name=name,
        status=row["status"] if row else "UNKNOWN",
        ready=is_ready(health),
        reason=row["reason"] if row else "the service database has no such environment or cannot be read",
        created=[dict(step) for step in Journal(paths.steps).read(name)],
        health=health,
        doing=row["doing"] if row else "",
        code=_describe_code(row["spec"], home) if row else {},
        last_words="" if health else find_last_words(provisioner, name),
    )


def _describe_code(spec: dict[str, Any], home: Path) -> dict[str, Any]:
    return describe(spec, find_kept(home), find_newest(home))


def find_last_words(provisioner: Provisioner, name: str) -> str:
    """The last line that the engine of a cell printed: its reason, when it ended with one; '' for none."""
    lines = provisioner.last_words(name, "engine").splitlines()
    return lines[-1].strip()[:_LONGEST_WORDS] if lines else ""


def _find_health(home: Path) -> dict[str, Any] | None:
    try:
        token = wire.read(home / "cell.json").token
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return find_health(Layout(home).api_socket, token)


def _find_rows(paths: Paths, database: str | None) -> dict[str, dict[str, Any]]:
    if database is None and not paths.database.exists():
        return {}
    from control_plane.store.opening import CannotOpen, read_environments

    try:
        rows = read_environments(database or f"sqlite:///{paths.database}")
    except CannotOpen:
        return {}  # every environment then says that its row could not be read
    return {
        row.name: {
            "status": str(row.status),
            "reason": row.last_update.error_message or "",
            "doing": row.last_update.source or ""
            if row.last_update.status == "PENDING" or row.is_paused
            else "",
            "spec": dict(row.spec),
        }
        for row in rows
    }
