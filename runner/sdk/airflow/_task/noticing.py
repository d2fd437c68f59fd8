"""Whether code of the user's would notice a task that runs here. A rehearsal is no task of theirs: it must not.

They notice by listeners, by handlers, filters and records of their own in logging, by a trace or profile function, and
by having put something of theirs in the place of a function of ours or of the library's (as instrumentation does).
"""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Iterable
from types import CodeType, FunctionType
from typing import Any

from airflow._task.listening import has_listeners

Place = tuple[Any, str, Any]
"""Module or class, name, and what has that name there."""


def find_places(codes: Iterable[CodeType]) -> list[Place]:
    """Where the functions with this byte code are to be found, as far as they have a name."""
    wanted = set(map(id, codes))
    functions = [f for f in gc.get_objects() if type(f) is FunctionType and id(f.__code__) in wanted]
    return [place for place in map(_find_place, functions) if place is not None]


def is_noticed(places: Iterable[Place]) -> bool:
    """Whether anybody would hear of a task, or something else is in one of these places by now."""
    return (
        has_listeners()
        or sys.gettrace() is not None
        or sys.getprofile() is not None
        or logging.getLogRecordFactory() is not logging.LogRecord
        or any(map(_has_ears, logging.root.manager.loggerDict.items()))
        or any(vars(owner).get(name) is not value for owner, name, value in places)
    )


def _find_place(function: FunctionType) -> Place | None:
    owner: Any = sys.modules.get(function.__module__)
    *outer, name = function.__qualname__.split(".")
    for part in outer:
        owner = getattr(owner, part, None)
    value = vars(owner).get(name) if hasattr(owner, "__dict__") else None
    return None if value is None else (owner, name, value)


def _has_ears(entry: tuple[str, Any]) -> bool:
    """Whether a logger of ours, and no mere placeholder, was given something that sees its records."""
    name, logger = entry
    ours = name.partition(".")[0] == "airflow" and isinstance(logger, logging.Logger)
    return ours and bool(logger.handlers or logger.filters)
