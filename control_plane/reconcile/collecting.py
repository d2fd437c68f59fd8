"""Venvs and plugin folders that nobody needs any more are removed.

Needed is what a cell's spec names, what an update may bring back, and what processes of a cell hold by a lock: tasks
that run on the old set keep it. A folder that was asked for a short while ago is left alone; it may be on its way into
a spec. Killed at any moment, it leaves nothing that the next round does not remove.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow._wire import cell as wire

from control_plane.reconcile.cell import KEPT_EQUIPMENT
from control_plane.reconcile.requirements import FETCHED
from sync.folders import collect

log = logging.getLogger(__name__)
GRACE_SECONDS = 600.0
_FETCHED_SECONDS = 3600.0
"""Longer than the longest installation."""


def collect_unused(
    venvs: Path, plugins: Path, homes: Iterable[Path], base: str, now: float, grace: float = GRACE_SECONDS
) -> list[str]:
    """Remove what no cell in `homes` needs; the names of what went. Nothing at all when a cell cannot be read."""
    needed = [Path(base).parent.parent]
    try:
        for home in homes:
            needed += list_needed(home)
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("nothing is removed: cannot tell what a cell needs: %s", error)
        return []
    gone = [*collect(venvs, needed, now - grace), *collect(plugins, needed, now - grace)]
    for path in venvs.glob(f"{FETCHED}*"):
        if path.stat().st_mtime < now - _FETCHED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
    if gone:
        log.info("removed %d interpreters and plugin folders that nobody needs", len(gone))
    return gone


def list_needed(home: Path) -> list[Path]:
    """The folders that a cell was told of, and those that it would be told of again after a failed update."""
    files = [home / "cell.json", home / KEPT_EQUIPMENT]
    texts = [path.read_text(encoding="utf-8") for path in files if path.is_file()]
    for path in (home / "before").glob("*/files.json"):
        kept: Mapping[str, str | None] = json.loads(path.read_text(encoding="utf-8"))
        texts += [text for name, text in kept.items() if text and name in ("cell.json", KEPT_EQUIPMENT)]
    return [folder for text in texts for folder in _list_folders(json.loads(text))]


def _list_folders(document: Mapping[str, Any]) -> Iterator[Path]:
    """Of a cell's spec or its equipment: both have the same names for it."""
    if document.get("format", wire.FORMAT) != wire.FORMAT:
        raise ValueError(f"a cell spec of format {document['format']}")
    yield Path(document["python"]).parent.parent
    if document.get("plugins"):
        yield Path(document["plugins"])
