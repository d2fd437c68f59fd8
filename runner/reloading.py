"""The cell spec while the cell runs: a replaced cell.json is noticed and handed on, without a restart.

    control plane --replaces--> cell.json --noticed--> engine: its parts take it up
                                                       engine --reload--> agents: they read it, too, and say so

The revision in force is the lowest that engine and agents have taken up; health tells it. Tasks that run go on as
they were started; what starts afterwards starts by the new spec.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from airflow._wire import cell
from airflow._wire.cell import CellSpec

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.25


class SpecWatch:
    """A thread that looks at the file. `on_spec` is called in it, once for every newer revision."""

    def __init__(self, path: Path, spec: CellSpec, on_spec: Callable[[CellSpec], None]) -> None:
        self._path, self._revision, self._on_spec = path, spec.revision, on_spec
        self._seen: tuple[int, int] | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spec-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(1.0)

    def look(self) -> None:
        """Hand on the file's spec when it is newer. What cannot be read or taken up is tried again with every look."""
        try:
            stat = self._path.stat()
            seen = stat.st_ino, stat.st_mtime_ns
            if seen == self._seen:
                return
            spec = cell.read(self._path)
            if spec.revision > self._revision:
                self._on_spec(spec)
                self._revision = spec.revision
            self._seen = seen
        except Exception:
            log.exception("cannot take up the cell's spec; trying again")

    def _run(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            self.look()
