"""What a container of a cell is made of: pure, from the cell's plan and what the service has around it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.accounts import TASK_USER, Account, demote
from infra.provisioner import Limits, ProcessSpec

SERVICE, CELL, ROLE, SPEC = "aerodrome.service", "aerodrome.cell", "aerodrome.role", "aerodrome.spec"
"""Labels. SPEC is a digest of all that cannot be changed while a container lives."""
HOST = "host"
"""The network of the engine's machine itself."""
TEMPORARY = "tmp"
"""The directory of a home that its containers have as /tmp."""
_PROCESSES = 8192
_LOGS = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
_POWERS = ("SETUID", "SETGID")
_USER_CODE_POWERS = (*_POWERS, "KILL")
_NOT_IN_HOST_NAMES = re.compile(r"[^A-Za-z0-9-]")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is the same for all cells of a service."""

    service: str
    """Which service's containers these are, among those of one engine."""
    image: str
    user: str
    """uid:gid of processes where cells have no accounts of their own."""
    network: str = HOST
    readable: tuple[Path, ...] = ()
    """Directories that every container sees and none may change: where interpreters are."""
    real: Mapping[Path, Path] = field(default_factory=dict)
    """Where directories of ours lie on the engine's machine, when we are in a container ourselves."""

    @property
    def labels(self) -> dict[str, str]:
        return {SERVICE: self.service}

    def find_source(self, path: Path) -> Path:
        """A path of ours as the engine knows it."""
        for ours, theirs in self.real.items():
            if path.is_relative_to(ours):
                return theirs / path.relative_to(ours)
        return path


def name_service(root: Path) -> str:
    """A short name for the service whose cells lie below `root`."""
    return hashlib.sha256(str(root).encode()).hexdigest()[:12]


def name_container(service: str, cell: str, role: str) -> str:
    return f"aerodrome-{service}-{cell}-{role}"


def find_limits(limits: Limits) -> dict[str, int]:
    """Limits as the engine takes them; swap is no way around that of memory."""
    memory = limits.memory or 0
    return {"Memory": memory, "MemorySwap": memory or -1, "NanoCpus": int((limits.cpus or 0) * 1e9)}


def configure(
    cell: str, spec: ProcessSpec, image: str, home: Path, account: Account | None, around: Surroundings
) -> dict[str, Any]:
    """The container of one role, as the engine is asked for it."""
    argv, env, powers = spec.argv, {**spec.env, "HOME": str(home)}, tuple[str, ...]()
    if account is not None:
        argv = demote(("env", "-C", str(home), *argv), account, runs_user_code=spec.runs_user_code)
        powers = _USER_CODE_POWERS if spec.runs_user_code else _POWERS
        env |= {TASK_USER: str(account.task)} if spec.runs_user_code else {}
    host: dict[str, Any] = {
        "Mounts": _mounts(home, around),
        "NetworkMode": around.network,
        "RestartPolicy": {"Name": "unless-stopped"},
        "CapDrop": ["ALL"],
        "CapAdd": list(powers),
        "SecurityOpt": ["no-new-privileges"],
        "ReadonlyRootfs": True,
        "PidsLimit": _PROCESSES,
        "LogConfig": _LOGS,
    }
    if around.network != HOST:
        host["ExtraHosts"] = ["host.docker.internal:host-gateway"]
    config: dict[str, Any] = {
        "Image": image,
        "Entrypoint": list(argv),
        "Cmd": [],
        "Env": [f"{name}={value}" for name, value in sorted(env.items())],
        "User": "0:0" if account else around.user,
        "WorkingDir": "/" if account else str(home),  # before it is the account's it may not enter its home
        "Hostname": _NOT_IN_HOST_NAMES.sub("-", cell)[:63].strip("-"),
        "StopSignal": "SIGTERM",
        "HostConfig": host,
    }
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    config["Labels"] = {**around.labels, CELL: cell, ROLE: spec.role, SPEC: digest}
    config["HostConfig"] = {**host, **find_limits(spec.limits)}
    return config


def _mounts(home: Path, around: Surroundings) -> list[dict[str, Any]]:
    """Temporary files lie in the home: in memory they would count as the tasks' own."""
    temporary = _mount(home / TEMPORARY, Path("/tmp"), around)  # noqa: S108 - the container's own
    return [_mount(home, home, around), temporary, *list_readable(around)]


def list_readable(around: Surroundings) -> list[dict[str, Any]]:
    """The mounts that nobody in a container can write to."""
    return [{**_mount(path, path, around), "ReadOnly": True} for path in around.readable]


def _mount(path: Path, target: Path, around: Surroundings) -> dict[str, Any]:
    return {"Type": "bind", "Source": str(around.find_source(path)), "Target": str(target)}
