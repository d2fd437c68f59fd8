"""What a living cell takes up of a new spec at once, and what only a new engine does. The table that says so.

An engine that meets such a change ends, and is started again by whoever keeps the cell: tasks go on meanwhile and are
adopted. Everything that is not in the table is taken up while engine and agent run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from .cell import CellSpec

NEEDS_NEW_ENGINE: Mapping[str, str] = {
    "environment": "it names the processes",
    "airflow_version": "routes and rules of scheduling are made for one version",
    "database_url": "everything in memory is of one database",
    "source.bucket": "a snapshot is of one bucket",
    "source.prefix": "a snapshot is of one folder",
}
"""Field of the spec -> why. An option of the environment is `config.section.key`."""

CODE = ("python", "sdk", "plugins", "exports", "config", "airflow_version", "region")
"""What user code sees: when one of these changes, new tasks get new processes and DAG files are parsed again."""


def list_restarts(old: CellSpec, new: CellSpec, table: Mapping[str, str] = NEEDS_NEW_ENGINE) -> list[str]:
    """The fields whose change only a new engine takes up, in the table's order; [] when it is all taken up live."""
    return [field for field in table if _get(old, field) != _get(new, field)]


def digest_code(spec: CellSpec) -> str:
    """Tells apart surroundings in which the same DAG file may mean something else."""
    facts = json.dumps({name: getattr(spec, name) for name in CODE}, sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:32]


def _get(spec: CellSpec, field: str) -> object:
    first, _, rest = field.partition(".")
    value = getattr(spec, first)
    if rest and isinstance(value, Mapping):
        return value.get(rest)
    return getattr(value, rest) if rest else value
