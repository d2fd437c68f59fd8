"""File systems by scheme: local files, and what provider packages bring (s3, gs, abfs ...)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

Properties = dict[str, str]


def get_fs(scheme: str, conn_id: str | None = None, storage_options: Properties | None = None) -> Any:
    """The fsspec file system for a scheme and a connection. Raises ValueError for a scheme nobody brings.

    A scheme that no provider package brings is fsspec's own, as long as no connection is wanted for it.
    """
    maker = _makers().get(scheme)
    options = storage_options or {}
    if maker is None and conn_id is None:
        import fsspec

        try:
            return fsspec.filesystem(scheme, **options)
        except (ValueError, ImportError):
            maker = None
    if maker is None:
        raise ValueError(f"No filesystem registered for scheme {scheme}")
    if len(inspect.signature(maker).parameters) > 1:
        return maker(conn_id, options)
    return maker(conn_id)


def has_fs(scheme: str) -> bool:
    """Whether a provider package, or this one, brings the scheme."""
    return scheme in _makers()


@cache
def _makers() -> dict[str, Callable[..., Any]]:
    from airflow.providers_manager import ProvidersManager

    found: dict[str, Callable[..., Any]] = {"file": _local, "local": _local}
    for path in ProvidersManager().filesystem_module_names:
        module = import_module(path)
        found |= dict.fromkeys(module.schemes, module.get_fs)
    return found


def _local(conn_id: str | None, storage_options: Properties) -> Any:
    from fsspec.implementations.local import LocalFileSystem

    return LocalFileSystem(**storage_options)
