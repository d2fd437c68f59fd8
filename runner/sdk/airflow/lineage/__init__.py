"""Lineage of 1.10 and 2.x: what inlets and outlets may be besides assets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

AUTO = "auto"
PIPELINE_OUTLETS = "pipeline_outlets"
PIPELINE_INLETS = "pipeline_inlets"


def apply_lineage(func: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of `execute` in 1.10 and 2.x; inlets and outlets are known to the service without it."""
    return func


prepare_lineage = apply_lineage
