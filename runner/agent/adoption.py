"""What an earlier agent left behind: outcomes to report, and attempts whose death must be proven before it is told."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from airflow._wire.frames import Message
from airflow._wire.workload import Workload

from runner.agent import endings, kernel, spool
from runner.agent.attempt import Attempt
from runner.agent.logs import AttemptLog, LogStore
from runner.agent.loop import Loop
from runner.agent.spool import Record

log = logging.getLogger("aerodrome.agent.adoption")

_RETRY = 0.02


@dataclass(slots=True, eq=False)
class Leftover:
    """An attempt that was not over when its agent died."""

    attempt: Attempt
    record: Record
    path: Path
    lock: int


class Adoption:
    """Takes over the attempts' files at start. `adopt` gets every attempt, at once; the outcome may follow."""

    def __init__(
        self,
        loop: Loop,
        directory: Path,
        store: LogStore,
        log_level: str | None,
        adopt: Callable[[Attempt], None],
    ) -> None:
        self._loop, self._directory, self._store = loop, directory, store
        self._log_level, self._adopt = log_level, adopt
        self._boot = kernel.boot_id()

    def take_over(self) -> int:
        """Begin; how many attempts were found."""
        found = sorted(path for path in self._directory.iterdir() if path.is_file())
        for path in found:
            self._take(path)
        return len(found)

    def _take(self, path: Path) -> None:
        record = spool.read(path)
        if record.acked:
            self._kill_rest(record)
            path.unlink()
            return
        attempt = _attempt_of(record, AttemptLog(self._store, record.log_key or "lost", self._log_level))
        if record.outcome is not None:
            self._kill_rest(record)
            attempt.outcome, attempt.ended = record.outcome, True
            if not record.ended:
                attempt.log.end(endings.last_line(record.outcome, None))
            self._adopt(attempt)
            return
        self._adopt(attempt)
        lock = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        self._prove_death(Leftover(attempt, record, path, lock))

    def _prove_death(self, leftover: Leftover) -> None:
        """Kill what is left and take the lock; until that succeeds the attempt counts as alive."""
        rest = self._kill_rest(leftover.record)
        if not kernel.try_lock(leftover.lock):
            for pid in kernel.holders(leftover.path):
                kernel.kill(pid)
            rest = 1
        if rest:
            self._loop.after(_RETRY, lambda: self._prove_death(leftover))
            return
        attempt = leftover.attempt
        attempt.outcome = _lost(leftover.record, time.time())
        spool.append(leftover.lock, outcome=attempt.outcome)
        os.close(leftover.lock)
        if leftover.record.log_key:
            attempt.log.end(endings.last_line(attempt.outcome, None))
        attempt.ended = attempt.gone = True
        self._adopt(attempt)

    def _kill_rest(self, record: Record) -> int:
        """Kill the attempt's session, unless its pid means another process by now; how many were seen."""
        if record.pid is None or record.boot != self._boot:
            return 0
        leader = kernel.find_process(record.pid)
        if leader is not None and record.started is not None and leader.started != record.started:
            return 0
        seen = kernel.kill_session(record.pid)
        if seen:
            log.warning("killed %d processes that attempt %s left behind", seen, record.attempt)
        return seen


def _lost(record: Record, now: float) -> Message:
    pid = f"process {record.pid}" if record.pid is not None else "before its process was started"
    reason = f"its agent died ({pid})"
    return endings.outcome_of_failure(reason, record.at if record.pid is not None else None, now, lost=True)


def _attempt_of(record: Record, log_: AttemptLog) -> Attempt:
    known = {"run_id": "", "dag_id": "", "task_id": "", "try_number": 0, "bundle": "", "file": ""}
    facts = {**known, **(record.workload or {})}
    work = Workload(attempt=record.attempt, max_tries=0, run={}, **facts)
    return Attempt(record.attempt, work, None, log_, pid=record.pid, gone=True)
