"""Triggers that fire when a file appears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.sensors.filesystem import find_file
from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent


class FileTrigger(BaseTrigger):
    """Fires once `filepath` (a glob) is a file, or a folder that holds one."""

    def __init__(
        self, filepath: str, recursive: bool = False, poke_interval: float = 5.0, **kwargs: Any
    ) -> None:
        super().__init__()
        self.filepath, self.recursive, self.poke_interval = filepath, recursive, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {name: getattr(self, name) for name in ("filepath", "recursive", "poke_interval")}
        return "airflow.providers.standard.triggers.file.FileTrigger", kwargs

    async def run(self) -> AsyncIterator[Any]:
        while (found := await asyncio.to_thread(find_file, self.filepath, self.recursive)) is None:
            await asyncio.sleep(self.poke_interval)
        self.log.info("Found file %s", found)
        yield TriggerEvent(True)


class FileDeleteTrigger(BaseEventTrigger):
    """Fires once there is a file `filepath`, and deletes it."""

    def __init__(self, filepath: str, poke_interval: float = 5.0, **kwargs: Any) -> None:
        super().__init__()
        self.filepath, self.poke_interval = filepath, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {"filepath": self.filepath, "poke_interval": self.poke_interval}
        return "airflow.providers.standard.triggers.file.FileDeleteTrigger", kwargs

    async def run(self) -> AsyncIterator[Any]:
        while not await asyncio.to_thread(_take, self.filepath):
            await asyncio.sleep(self.poke_interval)
        self.log.info("File %s has been deleted", self.filepath)
        yield TriggerEvent(True)


class DirectoryFileDeleteTrigger(BaseEventTrigger):
    """Fires once the folder has a file of that name, and deletes it."""

    def __init__(self, *, directory: str, filename: str, poke_interval: float = 5.0) -> None:
        super().__init__()
        self.directory, self.filename, self.poke_interval = directory, filename, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {name: getattr(self, name) for name in ("directory", "filename", "poke_interval")}
        return "airflow.providers.standard.triggers.file.DirectoryFileDeleteTrigger", kwargs

    async def run(self) -> AsyncIterator[Any]:
        path = str(Path(self.directory) / self.filename)
        while not await asyncio.to_thread(_take, path):
            await asyncio.sleep(self.poke_interval)
        yield TriggerEvent({"filepath": path})


def _take(path: str) -> bool:
    """Delete a file; False when there is none. Of several that want it, one gets it."""
    if not Path(path).is_file():
        return False
    try:
        Path(path).unlink()
    except FileNotFoundError:
        return False
    return True
