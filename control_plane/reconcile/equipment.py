"""What an environment's code needs besides the DAG files, fetched and built: packages, plugins, exports.

`equip` makes it and changes nothing that runs; the cell learns of it by its next spec. What is in force is kept beside
the cell's spec, so that a cell is started again as it was, whatever the bucket has by then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from control_plane.domain.environment import Environment
from control_plane.reconcile.cell import ObjectStoreAccess
from control_plane.reconcile.requirements import Finder, find_interpreter, read_requirements

KEPT = "equipment.json"
"""Beside cell.json: the equipment that the cell was last told of."""


@dataclass(frozen=True, slots=True)
class Source:
    """One object of the bucket as it was used."""

    key: str
    etag: str
    version: str | None = None
    modified: float = 0.0


@dataclass(frozen=True, slots=True)
class Equipment:
    """All of it, ready to be used. Equal wishes of equal objects give equal equipment."""

    python: str
    plugins: str = ""
    """The folder of the unpacked plugins.zip; '' for none."""
    exports: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Of the startup script: component -> variable -> value."""
    requirements: str | None = None
    """The text that `python` was made for; None without one."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    """What was read: RequirementsS3Path, PluginsS3Path, StartupScriptS3Path -> the object."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Tools:
    """What `equip` works with."""

    access: ObjectStoreAccess
    interpreters: Finder


def equip(
    environment: Environment,
    tools: Tools,
    tell: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> Equipment:
    """Fetch, check and build what the environment's spec names, as it is in the bucket now.

    `tell` gets a line per step. Raises CannotCreate with the owner's words for what cannot be used, VenvCancelled when
    `cancelled` says so.
    """
    wanted = read_requirements(environment, tools.access)
    python = find_interpreter(wanted, environment, tools.access, tools.interpreters, tell, cancelled)
    return Equipment(python, requirements=wanted)


def find_kept(home: Path) -> Equipment | None:
    """What the cell in `home` was last told of; None when it is not written down, or of another form."""
    try:
        data = json.loads((home / KEPT).read_text(encoding="utf-8"))
        return Equipment(**{**data, "sources": {k: Source(**v) for k, v in data["sources"].items()}})
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
