"""What packages decorate their commands with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def action_cli(func: Callable[..., Any] | None = None, check_db: bool = True) -> Any:
    """The command itself: there is no database to check, and what is run is noted by the service."""
    return func if func is not None else lambda command: command


def suppress_logs_and_warning(func: Callable[..., Any]) -> Callable[..., Any]:
    """The command itself."""
    return func
