"""What an environment's code has besides the DAG files, as data: the objects it came from and what was made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

REQUIREMENTS, PLUGINS, STARTUP = "RequirementsS3Path", "PluginsS3Path", "StartupScriptS3Path"
MEMBERS = (PLUGINS, STARTUP, REQUIREMENTS)
"""In the order in which they are used: requirements may name wheels of plugins.zip, and what the script exported."""
NAMES = {REQUIREMENTS: "requirements.txt", PLUGINS: "plugins.zip", STARTUP: "the startup script"}


def version_member(member: str) -> str:
    """The member that pins a version of the object that `member` names."""
    return member.replace("Path", "ObjectVersion")


@dataclass(frozen=True, slots=True)
class Source:
    """One object of the bucket as it was."""

    key: str
    etag: str
    version: str | None = None
    modified: float = 0.0


@dataclass(frozen=True, slots=True)
class Equipment:
    """All of it, ready to be used. Equal wishes of equal objects give equal equipment."""

    base: str
    """The interpreter that it builds on; another one after an upgrade of the service."""
    python: str
    plugins: str = ""
    """The folder of the unpacked plugins.zip; '' for none."""
    exports: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Of the startup script: component -> variable -> value."""
    requirements: str | None = None
    """The text that `python` was made for; None without one."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    """What was read: one of MEMBERS -> the object as it was."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True)


def from_json(text: str) -> Equipment:
    """The inverse of `to_json`. Raises ValueError, KeyError or TypeError for another form."""
    data: dict[str, Any] = json.loads(text)
    return Equipment(
        **{**data, "sources": {name: Source(**value) for name, value in data["sources"].items()}}
    )
