"""Assets (datasets in 2.x): what tasks update and DAGs are scheduled by."""

from __future__ import annotations

from typing import Any

from airflow import aliases


def __getattr__(name: str) -> Any:
    return aliases.resolve(__name__, name)
