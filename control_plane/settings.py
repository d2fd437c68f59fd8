"""What a service is started with: options, AERODROME_* variables, defaults. And where it keeps things."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

PREFIX = "AERODROME_"
_USERS = re.compile(r"[1-9]\d{3,9}-[1-9]\d{3,9}")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")


class BadSetting(ValueError):
    """A setting cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One service. Ports of 0 mean: pick a free one."""

    home: Path = Path("~/.aerodrome")
    host: str = "127.0.0.1"
    port: int = 8080
    tls_port: int = 8443
    s3_port: int = 9000
    s3_endpoint: str | None = None
    """An S3 of the user's; None starts the embedded one."""
    database: str | None = None
    """A SQLAlchemy URL; None keeps SQLite files in the home."""
    region: str = "us-east-1"
    account_id: str = "123456789012"
    sync_interval: float = 1.0
    provisioner: str = "process"
    """What runs cells: process or docker."""
    image: str = "aerodrome"
    """What containers of cells are made from."""
    docker_socket: Path = Path("/var/run/docker.sock")
    docker_network: str | None = None
    """Of cells' containers; None: the machine's own when S3 or the database is there, else a bridge of ours."""
    users: str = "auto"
    """FIRST-LAST: numbers of users for cells. auto: a block by the home, where that is possible; off: none."""
    follow_interval: float = 5.0
    """Seconds between looks at requirements, plugins and startup scripts that are named without a version."""
    package_indexes: str = "allow"
    """Whether requirements.txt may name package indexes and addresses of its own: allow or deny."""
    web_domain: str | None = None
    """host[:port] whose subdomains <environment>.web.<host> reach the service; None: environments share a host."""
    audit: str = "all"
    """What the audit trail keeps: all calls, or changes and refusals only."""
    rate_limits: str = "500"
    """Calls of one operation a caller may make in a second: see `control_plane.domain.throttle.parse_rates`."""

    @property
    def paths(self) -> Paths:
        return Paths(self.home)


@dataclass(frozen=True, slots=True)
class Paths:
    """Where things lie in a service's home. The one place that spells these paths."""

    home: Path

    @property
    def cells(self) -> Path:
        return self.home / "cells"

    @property
    def venvs(self) -> Path:
        return self.home / "venvs"

    @property
    def imports(self) -> Path:
        """Archives of environments that are being made from them."""
        return self.home / "imports"

    @property
    def plugins(self) -> Path:
        """Unpacked plugins.zip of environments, by content."""
        return self.home / "plugins"

    @property
    def keys(self) -> Path:
        return self.home / "keys"

    @property
    def ca(self) -> Path:
        return self.keys / "ca.pem"

    @property
    def objects(self) -> Path:
        """What the embedded object store holds."""
        return self.home / "objects"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def database(self) -> Path:
        return self.home / "db" / "service.db"

    @property
    def credentials(self) -> Path:
        """The administrator's access key, 0600."""
        return self.home / "credentials.json"

    @property
    def endpoints(self) -> Path:
        """The addresses the running (or last) service chose."""
        return self.home / "run" / "control-plane.json"

    @property
    def steps(self) -> Path:
        """How far creations are: see `reconcile.journal`."""
        return self.home / "run" / "steps"

    @property
    def ground(self) -> Path:
        """What the running (or last) service runs cells on: see `commands.provisioner`."""
        return self.home / "run" / "ground.json"

    def lock(self, role: str) -> Path:
        return self.home / "run" / f"{role}.lock"

    def make(self) -> None:
        """Create the directories, private to their owner."""
        for part in (self.home, self.cells, self.venvs, self.keys, self.log, self.database.parent):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.endpoints.parent.mkdir(mode=0o700, exist_ok=True)
        self.home.chmod(0o700)


def read(options: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """The settings from options (None: not given) and the environment. Raises BadSetting."""
    chosen: dict[str, Any] = {}
    for field in fields(Settings):
        value = options.get(field.name)
        if value is None:
            value = environ.get(PREFIX + field.name.upper()) or None
        if value is not None:
            chosen[field.name] = _typed(field.name, value)
    home = Path(chosen.get("home", "~/.aerodrome")).expanduser().absolute()
    return Settings(**{**chosen, "home": home})


def _typed(name: str, value: Any) -> Any:
    kinds: dict[str, Any] = {
        "port": int,
        "tls_port": int,
        "s3_port": int,
        "sync_interval": float,
        "follow_interval": float,
        "home": Path,
        "docker_socket": Path,
    }
    try:
        typed = kinds.get(name, str)(value)
    except ValueError:
        raise BadSetting(f"cannot use {value!r} as {name}: it must be a number") from None
    if name.endswith("port") and not 0 <= typed <= 65535:
        raise BadSetting(f"cannot use {typed} as {name}: ports are 0 to 65535")
    if name in ("sync_interval", "follow_interval") and not 0.1 <= typed <= 3600:
        raise BadSetting(f"cannot use {typed} as {name}: it must be 0.1 to 3600 seconds")
    if name == "package_indexes" and typed not in ("allow", "deny"):
        raise BadSetting(f"cannot use {typed!r} as package_indexes: it must be allow or deny")
    if name == "web_domain" and not _DOMAIN.fullmatch(typed):
        raise BadSetting(f"cannot use {typed!r} as web_domain: it must be a host name, or host:port")
    if name == "audit" and typed not in ("all", "changes"):
        raise BadSetting(f"cannot use {typed!r} as audit: it must be all or changes")
    if name == "provisioner" and typed not in ("process", "docker"):
        raise BadSetting(f"cannot use {typed!r} as provisioner: it must be process or docker")
    if name == "users" and typed not in ("auto", "off") and not _USERS.fullmatch(typed):
        raise BadSetting(
            f"cannot use {typed!r} as users: it must be auto, off, or two numbers as 700000000-700065535"
        )
    if name == "account_id" and not (typed.isdigit() and len(typed) == 12):
        raise BadSetting(f"cannot use {typed!r} as account_id: it must be 12 digits")
    return typed
