"""Notices when a trigger holds up the event loop, and says in its log where it stands."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from types import FrameType

from airflow._task.tracebacks import is_ours

log = logging.getLogger("airflow.triggers")
PERIOD = 1.0


class Watchdog:
    """A thread that asks the loop for a sign of life every second. The name of a trigger's task ends with its id."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: float) -> None:
        self._loop, self._limit = loop, limit
        self._thread_id = threading.get_ident()
        self._turned = threading.Event()
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(PERIOD):
            self._turned.clear()
            asked = time.monotonic()
            try:
                self._loop.call_soon_threadsafe(self._turned.set)
            except RuntimeError:
                return  # the loop is closed
            if not self._turned.wait(self._limit):
                self._report()
                self._turned.wait()
                log.warning("the event loop turns again after %.1f s", time.monotonic() - asked)

    def _report(self) -> None:
        task = asyncio.current_task(self._loop)
        about, _, trigger = task.get_name().rpartition(" ") if task is not None else ("something", "", "")
        log.warning(
            "%s has held up all other triggers for %.1f s: it must await, not wait%s",
            about,
            self._limit,
            _describe(sys._current_frames().get(self._thread_id)),
            extra={"trigger": trigger} if trigger else None,
        )


def _describe(frame: FrameType | None) -> str:
    """The part of the stack that is the user's."""
    stack = (
        [entry for entry in traceback.extract_stack(frame) if not is_ours(entry.filename)] if frame else []
    )
    lines = traceback.format_list(traceback.StackSummary.from_list(stack[-6:]))
    return "\n" + "".join(lines).rstrip("\n") if lines else ""
