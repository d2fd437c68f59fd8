"""Asset URIs in one spelling, so that two ways to write one thing name one asset."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

_HANDLERS = {
    "bigquery": "airflow.providers.google.assets.bigquery",
    "gs": "airflow.providers.google.assets.gcs",
    "mariadb": "airflow.providers.mysql.assets.mysql",
    "mysql": "airflow.providers.mysql.assets.mysql",
    "postgres": "airflow.providers.postgres.assets.postgres",
    "postgresql": "airflow.providers.postgres.assets.postgres",
    "s3": "airflow.providers.amazon.aws.assets.s3",
    "trino": "airflow.providers.trino.assets.trino",
}
"""Scheme -> module of the provider that checks such URIs, where that provider is installed."""


def sanitise(given: Any) -> str:
    """The URI as assets are known by it: lower-case scheme, no password, sorted query, no fragment or last slash.

    What does not look like a URI, and schemes that begin with x-, stay as they are. Raises ValueError for the scheme
    airflow:, and for what the provider of the scheme refuses.
    """
    uri = str(given)
    parts = urlsplit(uri)
    scheme = parts.scheme.lower()
    if not scheme or scheme.startswith("x-"):
        return uri
    if scheme == "airflow":
        raise ValueError(f"cannot use {uri!r} as an asset's URI: the scheme airflow is reserved")
    return urlunsplit(_normalise(_clean(parts)))


def normalise_known(uri: str) -> str | None:
    """The URI as the provider of its scheme spells it; None when there is none, or it refuses."""
    parts = urlsplit(uri)
    handler = find_handler(parts.scheme.lower())
    if handler is None:
        return None
    try:
        return urlunsplit(handler(parts))
    except ValueError:
        return None


def find_handler(scheme: str) -> Callable[[SplitResult], SplitResult] | None:
    """What checks URIs of a scheme; None when nothing does."""
    if scheme == "file":
        return lambda parts: parts
    if scheme not in _HANDLERS:
        return None
    try:
        handler: Callable[[SplitResult], SplitResult] = import_module(_HANDLERS[scheme]).sanitize_uri
    except (ImportError, AttributeError):
        return None
    return handler


def _clean(parts: SplitResult) -> SplitResult:
    netloc = parts.netloc
    if parts.password:
        warnings.warn(
            "the password in the URI of an asset was left out: it must not be there",
            UserWarning,
            stacklevel=4,
        )
        netloc = netloc.rpartition("@")[2]
    return parts._replace(
        scheme=parts.scheme.lower(),
        netloc=netloc,
        path=parts.path.rstrip("/") or "/",
        query=urlencode(sorted(parse_qsl(parts.query))),
        fragment="",
    )


def _normalise(parts: SplitResult) -> SplitResult:
    from airflow.configuration import conf, generation

    handler = find_handler(parts.scheme)
    if handler is None:
        return parts
    try:
        return handler(parts)
    except ValueError as error:
        if generation() >= 3 or conf.getboolean("core", "strict_dataset_uri_validation", fallback=False):
            raise
        warnings.warn(f"the URI of a dataset is not as it should be: {error}", UserWarning, stacklevel=4)
        return parts
