"""What cells stand on: processes or containers, with users of their own or as ourselves.

Decided by `up`, kept in the home, and read by `down` and `status`.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from control_plane.private_files import write_private
from control_plane.settings import Paths, Settings
from infra.accounts import Range, find_closed_door, find_setpriv
from infra.containers import HOST

_FIRST, _BLOCK, _BLOCKS = 700_000_000, 65_536, 16_384
"""Numbers above those that distributions give to people, services and containers of users, below 2^31."""
_NETWORK = "aerodrome"
_HERE = ("127.0.0.1", "localhost", "::1")


class NoGround(RuntimeError):
    """Cells cannot be run as the settings say."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The decision, as it is kept in the home."""

    provisioner: str = "process"
    users: tuple[int, int] | None = None
    """First and last number of the users that cells get; None: all cells run as we do."""
    shared_because: str = "it was not started as root"
    """Why all cells run as one user, when they do."""
    image: str = ""
    docker_socket: str = ""
    network: str = ""

    @property
    def numbers(self) -> Range | None:
        return Range(*self.users) if self.users else None

    @property
    def warning(self) -> str | None:
        """What the owner must know of who is kept from whom; None when everybody is from everybody."""
        if self.users or self.provisioner == "docker":
            return None
        return f"single-tenant: all environments run as one user, since {self.shared_because}"


def decide(settings: Settings, endpoints: tuple[str | None, ...], code: tuple[Path, ...]) -> Ground:
    """What the settings come to on this machine. `endpoints`: what cells have to reach; `code`: what they must read.

    Raises NoGround.
    """
    users, reason = _decide_users(settings, code)
    found = (users.first, users.last) if users else None
    if settings.provisioner == "process":
        return Ground(users=found, shared_because=reason)
    return Ground(
        "docker",
        found,
        reason,
        settings.image,
        str(settings.docker_socket),
        _find_network(settings, endpoints),
    )


def _decide_users(settings: Settings, code: tuple[Path, ...]) -> tuple[Range | None, str]:
    if settings.users == "off":
        return None, "it was started with users off"
    trouble = _find_trouble(settings, code)
    if trouble is None:
        return _parse(settings.users, settings.home), ""
    if settings.users != "auto":
        raise NoGround(f"cannot give environments users of their own: {trouble}")
    return None, trouble


def _parse(users: str, home: Path) -> Range:
    """Two services of one machine have blocks of their own, by their homes."""
    if users == "auto":
        digest = hashlib.sha256(os.fsencode(home.resolve())).digest()
        first = _FIRST + int.from_bytes(digest[:4], "big") % _BLOCKS * _BLOCK
        return Range(first, first + _BLOCK - 1)
    least, _dash, most = users.partition("-")
    if int(most) - int(least) < 3:
        raise NoGround(f"cannot give environments users of their own: {users} has no room for one")
    return Range(int(least), int(most))


def _find_trouble(settings: Settings, code: tuple[Path, ...]) -> str | None:
    """Why cells cannot have users of their own here."""
    if os.geteuid() != 0:
        return "it was not started as root"
    if settings.provisioner == "process" and find_setpriv() is None:
        return "there is no setpriv (util-linux) here"
    above = settings.home.resolve().parent
    door = find_closed_door((above,) if settings.provisioner == "docker" else (above, *code))
    return f"{door} is closed to other users" if door else None


def _find_network(settings: Settings, endpoints: tuple[str | None, ...]) -> str:
    if settings.docker_network is not None:
        return settings.docker_network
    hosts = {urlsplit(endpoint).hostname for endpoint in endpoints if endpoint}
    return HOST if hosts.intersection((*_HERE, socket.gethostname())) else _NETWORK


def write(paths: Paths, ground: Ground) -> None:
    write_private(paths.ground, json.dumps(asdict(ground), indent=1))


def read(paths: Paths) -> Ground:
    """What the last `up` decided; processes of one user where there was none."""
    try:
        facts: Mapping[str, object] = json.loads(paths.ground.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Ground()
    users = facts.get("users")
    return Ground(**{**facts, "users": tuple(users) if isinstance(users, list) else None})  # type: ignore[arg-type]
