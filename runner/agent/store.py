"""The store of task logs that the agent writes to."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from airflow._wire.cell import Bucket

from sync.logs import LogStore


def open_log_store(directory: Path, bucket: Bucket) -> LogStore:
    """Logs on disk at once and in the bucket soon after; the bucket is not touched before there is something."""
    return LogStore(directory, asdict(bucket))
