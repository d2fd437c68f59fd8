"""Ids of DAGs, tasks and groups."""

from __future__ import annotations

import re
from typing import Any

from airflow.exceptions import AirflowException

_KEY = re.compile(r"[\w.-]+")


def validate_key(key: Any, max_length: int = 250) -> None:
    """Raises AirflowException unless `key` may be the id of a task, a group or a DAG."""
    if not isinstance(key, str):
        raise TypeError(f"cannot use {key!r} as an id: it is a {type(key).__qualname__}, not text")
    if len(key) > max_length:
        raise AirflowException(f"cannot use {key!r} as an id: it is longer than {max_length} characters")
    if not _KEY.fullmatch(key):
        raise AirflowException(
            f"cannot use {key!r} as an id: only letters, digits, dashes, dots and underscores may stand in it"
        )
