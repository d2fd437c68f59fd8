"""A moment as AWS writes it."""

from __future__ import annotations

from datetime import UTC, datetime


def to_iso(at: float) -> str:
    """To the second, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
