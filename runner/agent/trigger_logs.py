"""Where the lines of triggers go: into the log of the task that waits, after what its process wrote."""

from __future__ import annotations

from airflow._wire.frames import Message

from runner.agent.logs import AttemptLog, LogStore
from runner.agent.loop import Loop
from runner.agent.masking import Masker

QUIET_SECONDS = 15.0


class TriggerLogs:
    """Logs that triggers have written to lately. One that falls silent is closed, and opened again by the next line."""

    def __init__(self, loop: Loop, store: LogStore, level: str | None) -> None:
        self._store, self.level = store, level
        self._open: dict[str, AttemptLog] = {}
        self._spoken: set[str] = set()
        loop.every(QUIET_SECONDS, self._close_quiet)

    def write(self, start: Message, text: str, masker: Masker) -> None:
        """Add whole lines to the log of a trigger's task."""
        key = start.get("log_key")
        if not key or self.level is None:
            return
        log = self._open.get(key)
        if log is None:
            log = self._open[key] = AttemptLog(self._store, key, self.level)
        log.masker = masker
        log.feed(text.encode("utf-8", "replace"))
        self._spoken.add(key)

    def close(self, start: Message) -> None:
        """Its trigger is over; the resumed task goes on with the same log."""
        self._close(start.get("log_key") or "")

    def _close_quiet(self) -> None:
        for key in self._open.keys() - self._spoken:
            self._close(key)
        self._spoken.clear()

    def _close(self, key: str) -> None:
        if self._open.pop(key, None) is not None:
            self._store.close(key)
