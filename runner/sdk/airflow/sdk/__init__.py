"""The 3.x authoring surface: the names of `airflow.sdk`, through the table in `airflow.aliases`."""

from __future__ import annotations

from typing import Any

from airflow import aliases


def __getattr__(name: str) -> Any:
    return aliases.resolve(__name__, name)
