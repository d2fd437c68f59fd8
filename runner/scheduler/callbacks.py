"""Callbacks called by the engine: their way through an agent. At least once, each try under its own attempt.

They are rows first (see `calls` for which are wanted), so that a crash of anything between the end and the call loses
none.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from airflow._wire.frames import Message
from airflow._wire.workload import Workload

from runner.domain.deadlines import Due
from runner.domain.spec import DagSpec
from runner.scheduler.changes import Changes
from runner.scheduler.dispatch import describe_run
from runner.scheduler.elsewhere import HasBundle
from runner.scheduler.questions import AttemptInfo
from runner.scheduler.tries import Room
from runner.store.callbacks import FAILED, PENDING, QUEUED, REFERENCE, SUCCESS, CallbackMove, OpenCallback
from runner.store.callbacks import list_open as list_rows
from runner.store.database import Connection

log = logging.getLogger(__name__)
MAX_TRIES = 3


@dataclass(frozen=True, slots=True)
class Call:
    """A callback and where its code is."""

    row: OpenCallback
    file: str
    fresh_interpreter: bool

    def find_bundle(self, has_bundle: HasBundle) -> str | None:
        """The snapshot to take its code from: the run's, or the newest where nobody has that; None: none is here."""
        return next((b for b in (self.row.run.bundle, self.row.newest) if b and has_bundle(b)), None)

    def to_message(self, attempt: str, bundle: str) -> Message:
        """The workload of its next attempt."""
        row, about = self.row, self.row.data.get("task") or {}
        return Workload(
            attempt=attempt,
            dag_id=row.run.dag_id,
            run_id=row.run.run_id,
            task_id=str(about.get("task_id", "")),
            try_number=row.tries + 1,
            max_tries=MAX_TRIES,
            bundle=bundle,
            file=self.file,
            run=describe_run(row.run, row.run.start_date),
            map_index=int(about.get("map_index", -1)),
            fresh_interpreter=self.fresh_interpreter,
            extra={"callback": {**row.data, "id": row.id, "kind": row.kind}},
        ).to_message()


class Callbacks:
    """The open callbacks of the cell: pending ones, and those that an attempt has."""

    def __init__(self, fresh_interpreter: bool) -> None:
        self.fresh = fresh_interpreter
        self._pending: dict[int, Call] = {}
        self._held: dict[str, Call] = {}

    def load(self, conn: Connection, get_spec: Callable[[int], DagSpec]) -> None:
        """As the database has them."""
        calls = [Call(row, get_spec(row.run.version_id).file, self.fresh) for row in list_rows(conn)]
        self._pending = {call.row.id: call for call in calls if call.row.state == PENDING}
        self._held = {
            call.row.attempt: call for call in calls if call.row.attempt and call.row.state == QUEUED
        }

    @property
    def has_pending(self) -> bool:
        return bool(self._pending)

    def knows(self, attempt: str) -> bool:
        """Is it a callback's attempt?"""
        return attempt in self._held

    def describe(self, attempt: str) -> AttemptInfo | None:
        """Who asks, when a callback asks a question."""
        call = self._held.get(attempt)
        if call is None:
            return None
        run, about = call.row.run, call.row.data.get("task") or {}
        task_id, index = str(about.get("task_id", "")), int(about.get("map_index", -1))
        return AttemptInfo(attempt, 0, run.id, run.dag_id, run.run_id, task_id, index, call.row.tries)

    def admit(
        self, rooms: list[Room], changes: Changes, new_attempt: Callable[[], str], has_bundle: HasBundle
    ) -> None:
        """Hand pending callbacks to agents that have room; those wait whose code is not on this machine yet."""
        is_here = cache(has_bundle)
        for id, call in list(self._pending.items()):
            bundle = call.find_bundle(is_here)
            if bundle is None:
                continue
            room = max(rooms, key=lambda r: r.free, default=None)
            if room is None or room.free <= 0:
                return
            room.free -= 1
            attempt, tries = new_attempt(), call.row.tries + 1
            values = {"attempt": attempt, "agent": room.agent, "tries": tries}
            changes.callback_moves.append(CallbackMove(id, PENDING, QUEUED, values))
            changes.callback_starts.setdefault(room.link, []).append(call.to_message(attempt, bundle))
            del self._pending[id]
            row = call.row._replace(state=QUEUED, attempt=attempt, agent=room.agent, tries=tries)
            self._held[attempt] = replace(call, row=row)

    def finish(self, attempt: str, outcome: Mapping[str, Any], changes: Changes) -> None:
        """An attempt is over. One that was lost is made again."""
        call = self._held.pop(attempt)
        reason = outcome.get("reason")
        if outcome.get("lost") and call.row.tries < MAX_TRIES:
            changes.callback_moves.append(CallbackMove(call.row.id, QUEUED, PENDING, {"reason": reason}))
            self._pending[call.row.id] = replace(call, row=call.row._replace(state=PENDING))
            return
        state = SUCCESS if outcome.get("state") == "success" else FAILED
        if state == FAILED:
            log.error("callback %s of %s failed: %s", call.row.kind, call.row.run.dag_id, reason)
        due = _read_due(call.row, outcome) if state == SUCCESS and call.row.kind == REFERENCE else None
        changes.callback_moves.append(CallbackMove(call.row.id, QUEUED, state, {"reason": reason}, due))

    def reconcile(
        self, link: int, agent: str, held: set[str], changes: Changes, has_bundle: HasBundle
    ) -> None:
        """Agree with an agent: what was handed to it and never arrived is handed over again."""
        for attempt, call in self._held.items():
            if call.row.agent == agent and attempt not in held:
                again = replace(call, row=call.row._replace(tries=call.row.tries - 1))
                bundle = call.find_bundle(has_bundle) or call.row.run.bundle
                changes.callback_starts.setdefault(link, []).append(again.to_message(attempt, bundle))


def _read_due(row: OpenCallback, outcome: Mapping[str, Any]) -> tuple[int, Due] | None:
    """The deadline that a reference gave; None when it gave none. User code said it: it may be anything."""
    start = (outcome.get("details") or {}).get("reference_at")
    if not isinstance(start, (int, float)) or not math.isfinite(start):
        return None
    return row.run.id, Due(start + row.data["interval"], row.data["name"], number=row.data["number"])
