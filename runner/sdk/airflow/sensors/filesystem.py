"""FileSensor: waits for a file, or for any file in a folder."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import Any

from airflow.exceptions import AirflowException
from airflow.sensors.base import BaseSensorOperator, begin_with_trigger, default_deferrable

TRIGGER = "airflow.providers.standard.triggers.file.FileTrigger"


class FileSensor(BaseSensorOperator):
    """The wait is over when `filepath` (a glob; below the connection's path) is a file or holds one at any depth."""

    template_fields: Sequence[str] = ("filepath", "fs_conn_id")
    ui_color = "#91818a"

    def __init__(
        self,
        *,
        filepath: str,
        fs_conn_id: str = "fs_default",
        recursive: bool = False,
        deferrable: bool | None = None,
        start_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filepath, self.fs_conn_id, self.recursive = filepath, fs_conn_id, recursive
        self.deferrable = default_deferrable(deferrable)
        if self.deferrable and start_from_trigger:
            where = {"filepath": self.path, "recursive": recursive, "poke_interval": self.poke_interval}
            begin_with_trigger(self, TRIGGER, where, dt.timedelta(seconds=self.timeout))

    @property
    def path(self) -> str:
        from airflow.hooks.filesystem import FSHook

        return str(Path(FSHook(self.fs_conn_id).get_path()) / self.filepath)

    def poke(self, context: Any) -> bool:
        path = self.path
        self.log.info("Poking for file %s", path)
        found = find_file(path, self.recursive)
        if found:
            changed = dt.datetime.fromtimestamp(Path(found).stat().st_mtime, dt.UTC)
            self.log.info("Found file %s last modified: %s", found, changed.strftime("%Y%m%d%H%M%S"))
        return found is not None

    def execute(self, context: Any) -> Any:
        if not self.deferrable:
            return super().execute(context)
        if self.poke(context):
            return None
        from airflow.triggers.file import FileTrigger

        return self.defer(
            timeout=dt.timedelta(seconds=self.timeout),
            trigger=FileTrigger(
                filepath=self.path, recursive=self.recursive, poke_interval=self.poke_interval
            ),
            method_name="execute_complete",
        )

    def execute_complete(self, context: Any, event: bool | None = None) -> None:
        if not event:
            raise AirflowException(f"{self.task_id} task failed as {self.filepath} not found.")
        self.log.info("%s completed successfully as %s found.", self.task_id, self.filepath)


def find_file(pattern: str, recursive: bool = False) -> str | None:
    """A file that the glob names, or the first in a folder that it names."""
    for path in glob(pattern, recursive=recursive):  # noqa: PTH207 - a pattern with a root of its own
        if Path(path).is_file():
            return path
        for folder, _, files in os.walk(path):
            if files:
                return str(Path(folder) / files[0])
    return None
