"""DAG, operators and what a running task may see: the objects behind every import path."""

from __future__ import annotations

from typing import Any

from airflow import aliases


def __getattr__(name: str) -> Any:
    return aliases.resolve(__name__, name)
