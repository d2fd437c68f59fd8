"""Trigger classes by name: of installed packages, of the snapshot, or defined in a DAG file itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

DAG_FILE = "dag_file_"
"""How the module of a DAG file is called (see `airflow._task.load`)."""


class Classes:
    """The classes in use. `bundle_path`: the snapshot that this process may import from, if any."""

    def __init__(self, bundle_path: str | None) -> None:
        self._bundle_path = bundle_path
        self._known: dict[str, Any] = {}

    def find(self, classpath: str) -> Any:
        """A class that was imported before, or None."""
        return self._known.get(classpath)

    def load(self, classpath: str, file: str) -> Any:
        """The class. Raises whatever its module raises, ImportError when there is none of that name."""
        from airflow._task.plugins import load_plugins
        from airflow.utils.module_loading import import_string

        load_plugins(self._bundle_path or "")  # a class may lie in plugins.zip
        module = classpath.rpartition(".")[0]
        if module.startswith(DAG_FILE) and module not in sys.modules and self._bundle_path is not None:
            from airflow._task.load import load_file

            load_file(str(Path(self._bundle_path, file)), self._bundle_path)
        found = self._known[classpath] = import_string(classpath)
        return found
