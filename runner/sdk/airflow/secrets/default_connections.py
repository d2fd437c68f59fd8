"""The connections that a new Airflow has before anybody makes one, as far as they work without a server of one's own.

Every generation has them unless `load_default_connections` is off ([database], before 2.3 [core]). Those that stand for
a host nobody has (`mysql_default` and its kind) are not here: that the connection is not defined says more.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

_ROWS: dict[str, dict[str, Any]] = {
    "aws_default": {"conn_type": "aws"},
    "fs_default": {"conn_type": "fs", "extra": '{"path": "/"}'},
    "google_cloud_default": {"conn_type": "google_cloud_platform", "schema": "default"},
    "http_default": {"conn_type": "http", "host": "https://www.httpbin.org/"},
    "sqlite_default": {"conn_type": "sqlite"},
}


def find_default_connection(conn_id: str) -> dict[str, Any] | None:
    """Its fields; None when there is no default of that name, or the environment wants none."""
    from airflow.configuration import conf

    row = _ROWS.get(conn_id)
    wanted = conf.getboolean("database", "load_default_connections", fallback=True)
    if row is None or not (wanted and conf.getboolean("core", "load_default_connections", fallback=True)):
        return None
    if conn_id == "sqlite_default":
        return {**row, "host": str(Path(tempfile.gettempdir()) / "sqlite_default.db")}
    return dict(row)
