"""Small functions on a task's context."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any


def context_merge(context: MutableMapping[str, Any], *args: Any, **kwargs: Any) -> None:
    """Put more into a context, as dict.update does."""
    context.update(*args, **kwargs)


def context_get_outlet_events(context: Any) -> Any:
    """What the task says about its outlets; an empty dict outside of a task."""
    try:
        return context["outlet_events"]
    except KeyError:
        return {}
