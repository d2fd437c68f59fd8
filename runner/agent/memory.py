"""Keeps the memory of tasks within what the environment's class gives: an attempt that has too much ends, and says so.

It looks once a second while something runs, and ten times as often when an attempt has half of what it may have. The
first look counts every page of a process, also those it shares with its zygote; only what seems too much is measured
exactly, so that nothing ends for memory that it only shares.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from airflow._wire.cell import CellSpec

from runner.agent import kernel
from runner.agent.attempt import Attempt
from runner.agent.loop import Loop
from runner.domain.memory import Allowance, allow, find_excess, is_near

log = logging.getLogger("aerodrome.agent.memory")
_LOOK_SECONDS, _NEAR_SECONDS = 1.0, 0.1
_SHARE = 50
"""A look takes this part of the time between two looks at most, however many processes there are."""


class MemoryGuard:
    """`end` ends an attempt at once, with a reason."""

    def __init__(
        self, loop: Loop, attempts: Callable[[], list[Attempt]], spec: Callable[[], CellSpec],
        end: Callable[[Attempt, str], None],
    ) -> None:  # fmt: skip
        self._loop, self._attempts, self._spec, self._end = loop, attempts, spec, end

    def start(self) -> None:
        """Look, and again for as long as the loop turns."""
        began = time.monotonic()
        near = kernel.LINUX and self._look()
        wait = _NEAR_SECONDS if near else _LOOK_SECONDS
        self._loop.after(max(wait, _SHARE * (time.monotonic() - began)), self.start)

    def _look(self) -> bool:
        """Whether the next look is due soon."""
        running = {a.pid: a for a in self._attempts() if a.pid is not None and not a.gone}
        if not running:
            return False
        if any(attempt.stop_reason is not None for attempt in running.values()):
            return True  # what is ending gives memory back
        spec = self._spec()
        allowance = allow(spec.worker_memory, spec.tasks_per_worker, spec.min_workers, len(running))
        rough = kernel.sum_memory(running)
        usage = {attempt.id: rough.get(pid, 0) for pid, attempt in running.items()}
        free = kernel.find_free_memory()
        if find_excess(usage, allowance, free) is None:
            return is_near(usage, allowance)
        return self._judge(running, allowance, free)

    def _judge(self, running: dict[int, Attempt], allowance: Allowance, free: tuple[int, int] | None) -> bool:
        usage = {attempt.id: kernel.measure_memory(pid) for pid, attempt in running.items()}
        excess = find_excess(usage, allowance, free)
        if excess is None:
            return is_near(usage, allowance)
        attempt = next(found for found in running.values() if found.id == excess.attempt)
        log.warning("ending %s: %s", attempt.about, excess.reason)
        self._end(attempt, excess.reason)
        return True
