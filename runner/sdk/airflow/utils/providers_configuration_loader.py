"""A decorator of provider packages: their options are always readable here (see `airflow.configuration`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def providers_configuration_loaded(func: Callable[..., Any]) -> Callable[..., Any]:
    return func
