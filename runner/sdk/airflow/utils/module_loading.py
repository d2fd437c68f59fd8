"""Importing by dotted name."""

from __future__ import annotations

from importlib import import_module
from typing import Any


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
