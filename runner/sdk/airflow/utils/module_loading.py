"""Importing by dotted name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


def import_string(dotted_path: str) -> Any:
    """The attribute that `package.module.attribute` names. Raises ImportError."""
    module_path, dot, name = dotted_path.rpartition(".")
    if not dot:
        raise ImportError(f"cannot import {dotted_path!r}: it is no dotted name")
    try:
        return getattr(import_module(module_path), name)
    except AttributeError:
        raise ImportError(f"cannot import {name!r}: {module_path!r} does not define it") from None


def qualname(value: Any) -> str:
    """The dotted name of a class or function."""
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return f"{type(value).__module__}.{type(value).__qualname__}"


def is_valid_dotpath(path: str) -> bool:
    """Whether a text could be a dotted name."""
    return isinstance(path, str) and _DOTTED.fullmatch(path) is not None


def iter_namespace(ns: ModuleType) -> Iterator[Any]:
    """The modules directly below a package, with their full names."""
    import pkgutil

    return pkgutil.iter_modules(ns.__path__, f"{ns.__name__}.")


def entry_points_with_dist(group: str) -> Iterator[tuple[Any, Any]]:
    """The entry points of a group, each with its distribution."""
    from importlib.metadata import distributions

    for dist in distributions():
        for entry in dist.entry_points:
            if entry.group == group:
                yield entry, dist
