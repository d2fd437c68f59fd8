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
    """From now on these texts (of a value, a list or a dict) do not appear in this task's log.

    With a name, or where a dict has names, those whose name says that they are secret.
    """
    from airflow._task.comms import current

    comms = current()
    values = sorted(set(_texts(secret, name is None or should_hide_value_for_key(name))))
    if comms is not None and values:
        comms.ask("mask", {"values": values})


def redact(value: Any, name: str | None = None, max_depth: int | None = None) -> Any:
    """`value` without what its names say is secret; what else is, is replaced where the log is written."""
    depth = 5 if max_depth is None else max_depth
    if name is not None and should_hide_value_for_key(name):
        return _hide(value)
    if depth <= 0:
        return value
    if isinstance(value, dict):
        return {key: redact(item, str(key), depth - 1) for key, item in value.items()}
    if type(value) in (list, tuple, set):
        return type(value)(redact(item, None, depth - 1) for item in value)
    return value


def _hide(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hide(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_hide(item) for item in value)
    return value if value is None or isinstance(value, bool) else "***"


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


def _texts(value: Any, hidden: bool = True) -> Iterable[str]:
    """The texts in a value that are to be hidden: all of them, or those whose name in a dict says so."""
    if isinstance(value, str):
        if value and hidden:
            yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, hidden or should_hide_value_for_key(key))
    elif isinstance(value, Iterable):
        for item in value:
            yield from _texts(item, hidden)
