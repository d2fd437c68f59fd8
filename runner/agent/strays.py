"""Processes that a task left behind in a session of its own: orphans come to the agent, and nobody answers for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from runner.agent import kernel
from runner.agent.loop import Loop

log = logging.getLogger("aerodrome.agent.strays")

DELAY = 5.0


class Strays:
    """Looks for orphans a while after something ended, until there are none."""

    def __init__(
        self, loop: Loop, directory: Path, living: Callable[[], Mapping[str, int | None]],
        sessions: Callable[[], set[int]],
    ) -> None:  # fmt: skip
        """`living`: attempts that have not ended, with their sessions. `sessions`: others that may have orphans."""
        self._loop, self._directory = loop, directory
        self._living, self._sessions = living, sessions
        self._due = False

    def look_later(self) -> None:
        """Something ended: look when what it left has had its time."""
        if not self._due:
            self._due = True
            self._loop.after(DELAY, self._look)

    def _look(self) -> None:
        self._due = False
        living = self._living()
        spared = self._sessions() | {session for session in living.values() if session is not None}
        oldest = min((find_start(pid) for pid in living.values() if pid is not None), default=None)
        killed = False
        for process in filter(None, map(kernel.find_process, kernel.list_children())):
            if process.session in spared or kernel.attempt_of(process.pid, self._directory) in living:
                continue
            if oldest is not None and process.started >= oldest and not kernel.may_be_read(process.pid):
                continue  # it may be of any attempt that began before it
            log.warning("killing process %d, which a task left behind", process.pid)
            kernel.kill(process.pid)
            killed = True
        if killed:
            self.look_later()


def find_start(pid: int) -> int:
    """When a process began; one that has ended began before all others."""
    process = kernel.find_process(pid)
    return process.started if process else 0
