"""A task's callbacks, run in its own process. What one of them raises is logged and changes nothing."""

from __future__ import annotations

import logging
from typing import Any

from airflow._task.tracebacks import clean

log = logging.getLogger("airflow.task")


def run_callbacks(callbacks: Any, context: Any, name: str) -> None:
    """Call one callback or each of a list with the context."""
    for callback in callbacks if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []:
        try:
            callback(context)
        except Exception as error:
            clean(error)
            log.error("cannot finish %s of the task: it raised", name, exc_info=error)
