"""FSHook: where a connection's files are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.hooks.base import BaseHook


class FSHook(BaseHook):
    """A connection whose extra has `path`, the folder that file names are relative to."""

    conn_name_attr = "fs_conn_id"
    default_conn_name = "fs_default"
    conn_type = "fs"
    hook_name = "File (path)"

    def __init__(self, fs_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn = self.get_connection(fs_conn_id)
        self.basepath: str = self.conn.extra_dejson.get("path", "")

    def get_conn(self) -> None:
        """There is nothing to connect to."""

    def get_path(self) -> str:
        return self.basepath

    def test_connection(self) -> tuple[bool, str]:
        """Whether the folder is there, and a word about it."""
        if not self.basepath:
            return False, "File Path is undefined."
        exists = Path(self.basepath).exists()
        return exists, f"Path {self.basepath} {'is existing' if exists else 'does not exist'}."
