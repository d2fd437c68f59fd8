"""A time limit for a piece of user code in the main thread of a process."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow.exceptions import AirflowTaskTimeout


@contextmanager
def time_limit(seconds: float | None, message: str) -> Iterator[None]:
    """Raises AirflowTaskTimeout(message) inside the block after `seconds`; None or 0 is no limit.

    Works by SIGALRM, so only in the main thread; elsewhere the block is not limited (the agent's limit stands).
    """
    if not seconds or seconds <= 0 or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: Any) -> None:
        raise AirflowTaskTimeout(message)

    with handled(signal.SIGALRM, ring):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


class handled:
    """`handler` for a signal inside the block; outside of the main thread nothing changes.

    By the C function: every task passes here, and what looks up enums for it copies thirty pages of memory.
    """

    def __init__(self, number: int, handler: Callable[[int, Any], None]) -> None:
        self._number, self._handler = int(number), handler
        self._before: Any = None
        self._is_main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> None:
        if self._is_main:
            self._before = _signal.signal(self._number, self._handler)

    def __exit__(self, *error: Any) -> None:
        if self._is_main:
            _signal.signal(self._number, self._before)


def pause(seconds: float) -> None:
    """Do nothing for so long, or until a signal ends the task."""
    if seconds > 0:
        threading.Event().wait(min(seconds, threading.TIMEOUT_MAX))


class timeout:
    """`with timeout(seconds=...)`: raises AirflowTaskTimeout when the block takes longer."""

    def __init__(self, seconds: float = 1, error_message: str = "Timeout") -> None:
        self._limit = time_limit(seconds, error_message)

    def __enter__(self) -> None:
        self._limit.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._limit.__exit__(*error)
