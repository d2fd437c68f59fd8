"""The few settings that DAG files read. There is no session: a task has no way into the database."""

from __future__ import annotations

import os
from typing import Any

from airflow.exceptions import NotSupported


def __getattr__(name: str) -> Any:
    if name == "TIMEZONE":
        from airflow.utils.timezone import default_zone

        return default_zone()
    if name == "DAGS_FOLDER":
        return os.environ.get("AIRFLOW__CORE__DAGS_FOLDER", "")
    if name == "AIRFLOW_HOME":
        return os.environ.get("AIRFLOW_HOME", "")
    if name in ("Session", "engine", "SQL_ALCHEMY_CONN"):
        raise NotSupported(f"cannot use settings.{name}: tasks have no access to the metadata database")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
