"""AIRFLOW_HOME as files expect it: `dags` and `plugins` beside what user code writes there itself.

Both are links: to the newest snapshot, and to the unpacked plugins.zip. A task is pinned to its own snapshot all the
same; these are for files that are opened by their well-known place.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from airflow._wire.cell import CellSpec
from airflow._wire.layout import Layout

log = logging.getLogger("aerodrome.agent.homes")


def link(layout: Layout, spec: CellSpec) -> None:
    """Make the links what the spec says. What user code has put in their place stays."""
    _point(layout.work / "dags", str(layout.newest_bundle))
    _point(layout.work / "plugins", spec.plugins)


def _point(path: Path, target: str) -> None:
    if path.exists() and not path.is_symlink():
        log.warning("%s is no link of ours: it stays as it is", path)
        return
    if not target:
        path.unlink(missing_ok=True)
    elif not path.is_symlink() or os.readlink(path) != target:  # noqa: PTH115 - as text
        fresh = path.with_name(f".{path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(path)
