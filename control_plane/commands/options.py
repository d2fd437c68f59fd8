"""What commands share: the --home option and the running service's addresses."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from control_plane import settings as setting
from control_plane.private_files import write_private
from control_plane.settings import BadSetting, Paths, Settings

F = TypeVar("F", bound=Callable[..., Any])


def home_option(function: F) -> F:
    """--home DIR, as text or None."""
    text = "Where the service keeps everything.  [default: ~/.aerodrome, or $AERODROME_HOME]"
    return click.option("--home", type=click.Path(file_okay=False), help=text)(function)


def read_settings(**options: Any) -> Settings:
    """The settings, a bad one as a usage error (exit 2)."""
    try:
        return setting.read(options, os.environ)
    except BadSetting as error:
        raise click.UsageError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses of a service, as `up` wrote them. The file is 0600: a URL may hold a password."""

    url: str
    tls_url: str
    s3_url: str | None
    region: str
    ca: str
    database: str | None = None

    def write(self, path: Path) -> None:
        """Replace the file atomically."""
        write_private(path, json.dumps(asdict(self), indent=1))


@dataclass(frozen=True, slots=True)
class Access:
    """An access key of the service."""

    access_key_id: str
    secret_access_key: str


def get_endpoints(paths: Paths) -> Endpoints:
    """The addresses of this home's service. A one-line error where there has never been one."""
    return Endpoints(**_get_json(paths.endpoints, paths.home))


def find_endpoints(paths: Paths) -> Endpoints | None:
    """The addresses of this home's service; None where there has never been one."""
    return get_endpoints(paths) if paths.endpoints.is_file() else None


def get_access(paths: Paths) -> Access:
    """The administrator's key."""
    data = _get_json(paths.credentials, paths.home)
    return Access(data["access_key_id"], data["secret_access_key"])


def _get_json(path: Path, home: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return data
    except FileNotFoundError:
        raise click.ClickException(
            f"cannot find a service in {home}: start one with `aerodrome up --home {home}`"
        ) from None
    except (OSError, ValueError) as error:
        raise click.ClickException(f"cannot read {path}: {error}") from None
