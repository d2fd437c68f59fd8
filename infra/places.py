"""Where our directories are for the engine, when we are in one of its containers ourselves."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

from infra.docker_api import Docker


def find_places(docker: Docker, home: Path) -> Mapping[Path, Path]:
    """Our path -> the engine's, of the mount that holds `home`; nothing when we are not in a container of it.

    A container is known by its host name, which is its id unless somebody chose another.
    """
    found = docker.find_container(socket.gethostname())
    mounts = found["Mounts"] if found else []
    holding = [mount for mount in mounts if home.is_relative_to(mount["Destination"])]
    if not holding:
        return {}
    closest = max(holding, key=lambda mount: len(mount["Destination"]))
    return {Path(closest["Destination"]): Path(closest["Source"])}
