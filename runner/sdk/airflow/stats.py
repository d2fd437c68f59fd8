"""Counters and timers of Airflow's, with nothing behind them: the service counts its own work.

Both spellings are here: the functions of 3.x (`stats.incr`) and the class of 1.10 and 2.x (`Stats.incr`).
"""

from __future__ import annotations

import time
from typing import Any


class Timer:
    """Measures a `with` block in milliseconds (`duration`), and tells nobody."""

    duration: float | None = None

    def __enter__(self) -> Timer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Timer:
        self._began = time.perf_counter()
        return self

    def stop(self, send: bool = True) -> None:
        self.duration = 1000.0 * (time.perf_counter() - self._began)


def incr(stat: str, count: int = 1, rate: float = 1, *, tags: Any = None, **_: Any) -> None:
    """Count up."""


def decr(stat: str, count: int = 1, rate: float = 1, *, tags: Any = None, **_: Any) -> None:
    """Count down."""


def gauge(
    stat: str, value: float, rate: float = 1, delta: bool = False, *, tags: Any = None, **_: Any
) -> None:
    """Set a value."""


def timing(stat: str, dt: Any, *, tags: Any = None, **_: Any) -> None:
    """Add a duration."""


def timer(stat: str | None = None, *args: Any, tags: Any = None, **_: Any) -> Timer:
    """A block whose duration is measured."""
    return Timer()


def initialize(**_: Any) -> None:
    """Choose where numbers go."""


class Stats:
    """The same as static methods."""

    incr, decr, gauge, timing = (
        staticmethod(incr),
        staticmethod(decr),
        staticmethod(gauge),
        staticmethod(timing),
    )
    timer, initialize = staticmethod(timer), staticmethod(initialize)
    instance: Any = None


class DummyStatsLogger(Stats):
    """Its name in 1.10."""


NoStatsLogger = DummyStatsLogger
TimerProtocol = Timer
