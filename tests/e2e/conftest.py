"""Figures: what an end-to-end test measures on the way. They are shown at the end and decide nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

Stopwatch = Callable[[str], AbstractContextManager[None]]
_PREFIX = "figure: "


@pytest.fixture
def stopwatch(record_property: Callable[[str, object], None]) -> Stopwatch:
    """`with stopwatch("from here to there"): ...` keeps the seconds that it took."""

    @contextmanager
    def measure(name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        record_property(_PREFIX + name, time.perf_counter() - started)

    return measure


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Reports bring what was measured back, out of other processes too."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    figures = [
        (name.removeprefix(_PREFIX), seconds)
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, seconds in report.user_properties
        if name.startswith(_PREFIX)
    ]
    if figures:
        terminalreporter.section("figures (seconds)")
        for name, seconds in figures:
            terminalreporter.line(f"{seconds:8.3f}  {name}")
