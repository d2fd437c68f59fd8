"""The helpers that DAG files import by habit."""

from __future__ import annotations

from typing import Any

from airflow import aliases


def __getattr__(name: str) -> Any:
    return aliases.resolve(__name__, name)
