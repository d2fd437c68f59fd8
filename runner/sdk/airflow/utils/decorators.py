"""apply_defaults: needed in 1.10, without effect since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def apply_defaults(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself: every operator gets its default_args without it."""
    return function
