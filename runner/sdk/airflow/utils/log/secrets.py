"""Keeping values out of logs: the agent replaces them as it writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def mask_secret(secret: Any, name: str | None = None) -> None:
    """From now on these texts (of a value, a list or a dict) do not appear in this task's log."""
    from airflow._task.comms import current

    comms = current()
    values = sorted(set(_texts(secret)))
    if comms is not None and values:
        comms.ask("mask", {"values": values})


def redact(value: Any, name: str | None = None, max_depth: int | None = None) -> Any:
    """`value`; what is secret in it is replaced where the log is written, not here."""
    return value


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Iterable):
        for item in value:
            yield from _texts(item)
