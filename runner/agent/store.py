"""The store of task logs on disk alone, for as long as nothing ships them."""

from __future__ import annotations

from pathlib import Path

from airflow._wire.cell import Bucket
from runner.agent.logs import LogStore


class FileStore:
    """One file for each log key."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def append(self, key: str, data: bytes) -> None:
        folder = self._directory / key
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "task.log").open("ab") as file:
            file.write(data)

    def close(self, key: str) -> None: ...

    def start(self) -> None: ...

    def stop(self, timeout: float) -> None: ...


def open_log_store(directory: Path, bucket: Bucket) -> LogStore:
    """The store that the agent writes to."""
    return FileStore(directory)
