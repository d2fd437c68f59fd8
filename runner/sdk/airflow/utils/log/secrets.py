"""Keeping values out of logs: the agent replaces them as it writes."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

SENSITIVE = (
    "access_token", "api_key", "apikey", "authorization", "passphrase", "passwd", "password", "private_key",
    "proxies", "proxy", "secret", "token", "keyfile_dict", "service_account",
)  # fmt: skip


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


def should_hide_value_for_key(name: Any) -> bool:
    """Whether a value of that name is a secret by its name."""
    return isinstance(name, str) and any(word in name.strip().lower() for word in SENSITIVE)


def relative_path_from_logger(logger: Any) -> Any:
    """The place of the log file a logger writes to, within the log folder; None: a task's log has none here."""
    return None


class SecretsMasker(logging.Filter):
    """The filter of earlier generations; secrets are replaced where the log is written."""

    def add_mask(self, secret: Any, name: str | None = None) -> None:
        mask_secret(secret, name)

    def redact(self, item: Any, name: str | None = None, max_depth: int | None = None) -> Any:
        return redact(item, name, max_depth)


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
