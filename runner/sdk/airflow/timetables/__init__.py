"""Timetables as DAG files write them; the engine reads their serialised form."""

from __future__ import annotations

from typing import Any

from airflow import aliases


def __getattr__(name: str) -> Any:
    return aliases.resolve(__name__, name)
