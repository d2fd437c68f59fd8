"""Files in object storage by path: `ObjectStoragePath`, and the file systems behind it."""

from __future__ import annotations

from typing import Any

from airflow import aliases


def __getattr__(name: str) -> Any:
    return aliases.resolve(__name__, name)
