"""What a runner says about one file of expected values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """How many cases came out as expected, and which did not."""

    passed: int
    failed: tuple[str, ...] = ()
    """Ids, each with a word on why: 'id: why'."""


def tally(outcomes: Iterable[tuple[str, str | None]]) -> Report:
    """A report from (id, fault) pairs; the fault of a case that passed is None."""
    judged = list(outcomes)
    failed = tuple(f"{name}: {fault}" for name, fault in judged if fault is not None)
    return Report(len(judged) - len(failed), failed)
