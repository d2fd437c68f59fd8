"""One command in a container of the service's image, run to its end: what needs the image's own interpreter."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.containers import ROLE, Surroundings, list_readable
from infra.docker_api import Docker

_LOOK_SECONDS = 0.1
_LINES = 10_000


class Cancelled(Exception):
    """Whoever wanted the command wants it no more; its container is gone."""


def run_tool(
    docker: Docker,
    around: Surroundings,
    argv: tuple[str, ...],
    env: Mapping[str, str],
    writable: Path,
    user: str,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[int, str]:
    """The exit status and what was printed. `writable`: the one directory of ours that the command sees.

    Raises Cancelled, DockerError, DockerAway. A container that a killed caller left is removed by `clear_tools`.
    """
    name = f"aerodrome-{around.service}-tool-{uuid.uuid4().hex[:8]}"
    source = str(around.find_source(writable))
    readable = [mount for mount in list_readable(around) if mount["Target"] != str(writable)]
    config = {
        "Image": around.image,
        "Entrypoint": list(argv),
        "Cmd": [],
        "Env": [f"{key}={value}" for key, value in env.items()],
        "User": user,
        "Labels": {**around.labels, ROLE: "tool"},
        "HostConfig": {
            "Mounts": [{"Type": "bind", "Source": source, "Target": str(writable)}, *readable],
            "NetworkMode": around.network,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
        },
    }
    docker.create_container(name, config)
    try:
        docker.start_container(name)
        pause = threading.Event()
        while (found := docker.find_container(name)) is not None and found["State"]["Running"]:
            if cancelled():
                raise Cancelled
            pause.wait(_LOOK_SECONDS)
        status = int(found["State"]["ExitCode"]) if found else 1
        return status, docker.read_output(name, _LINES)
    finally:
        docker.remove_container(name)


def clear_tools(docker: Docker, around: Surroundings) -> None:
    """Remove what a killed service left half done."""
    for found in docker.list_containers({**around.labels, ROLE: "tool"}):
        docker.remove_container(str(found["Id"]))
