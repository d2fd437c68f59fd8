"""How far the creation of each environment is: a small file each, for `aerodrome status`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict


class Step(TypedDict):
    """What was begun, and when (epoch seconds)."""

    step: str
    at: float


class Journal:
    """The steps of every environment, under one folder. Lost steps harm nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, name: str) -> None:
        """Forget what an earlier environment of that name did."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path(name).unlink(missing_ok=True)

    def add(self, name: str, step: str, now: float) -> None:
        path = self._path(name)
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps([*self.read(name), Step(step=step, at=now)]), encoding="utf-8")
        temporary.replace(path)

    def read(self, name: str) -> list[Step]:
        """The steps so far, oldest first."""
        try:
            steps: list[Step] = json.loads(self._path(name).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return []
        return steps

    def forget(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"
