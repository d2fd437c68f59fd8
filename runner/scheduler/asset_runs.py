"""Making the runs that assets ask for: one for each time that a DAG's condition is met, with all events that led to it.

The run, what it takes and what then waits no more change in one transaction: a kill leaves either none of it, and the
next engine makes the run, or all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from runner.domain.assets import get_condition, is_met
from runner.domain.partition_runs import is_partitioned
from runner.domain.spec import DagSpec
from runner.scheduler.partition_runs import PartitionRuns
from runner.scheduler.refusals import UNMAKABLE
from runner.store import asset_queue, runs
from runner.store.asset_queue import Candidate, Taken
from runner.store.database import Connection

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """The runs that were made, the DAGs that have enough unfinished ones, and whether to go on at once."""

    keys: tuple[int, ...]
    full: frozenset[str]
    has_more: bool = False


class AssetRuns:
    """Remembers which conditions were looked at and not met, so that a DAG that waits costs nothing."""

    def __init__(self, generation: int) -> None:
        self._generation = generation
        self._unmet: dict[str, tuple[int, frozenset[int]]] = {}
        self._partitions = PartitionRuns()

    def forget(self, partitions: bool = True) -> None:
        """DAGs or assets may have changed: every condition is looked at again, and the partitions that wait."""
        self._unmet.clear()
        if partitions:
            self._partitions.forget()

    def create(
        self, conn: Connection, now: float, without: frozenset[str], read_spec: Callable[[int], DagSpec]
    ) -> Made:
        """Make a run of every DAG whose condition is met and that may have one more, and those of whole partitions."""
        candidates = [
            item
            for item in asset_queue.list_candidates(conn, without)
            if self._unmet.get(item.dag_id) != (item.version_id, item.assets)
        ]
        counts = runs.count_unfinished(conn, [item.dag_id for item in candidates]) if candidates else {}
        keys, has_more = self._partitions.create(conn, now, read_spec)
        full = set()
        for item in candidates:
            spec = read_spec(item.version_id)
            if not self._is_met(conn, item, spec):
                self._unmet[item.dag_id] = (item.version_id, item.assets)
                continue
            if counts.get(item.dag_id, 0) >= spec.max_active_runs:
                full.add(item.dag_id)
                continue
            try:
                with conn.begin_nested():
                    keys += self._make(conn, item, spec, now)
            except UNMAKABLE as error:  # looked at again with the next poll; it holds up no other DAG
                log.error("cannot make the run of %s that its assets ask for: %s", item.dag_id, error)
                full.add(item.dag_id)
        return Made(tuple(keys), frozenset(full), has_more)

    def _is_met(self, conn: Connection, item: Candidate, spec: DagSpec) -> bool:
        condition = get_condition(spec.timetable)
        if condition is None or is_partitioned(spec.timetable):
            # its schedule was another when these events came
            taken = asset_queue.load_taken(conn, item.dag_id, spec.catchup)
            asset_queue.drop(conn, item.dag_id, taken.queued if taken is not None else ())
            return False
        return is_met(condition, asset_queue.load_waiting(conn, item.assets))

    def _make(self, conn: Connection, item: Candidate, spec: DagSpec, now: float) -> list[int]:
        taken = asset_queue.load_taken(conn, item.dag_id, spec.catchup)
        if taken is None:
            return []
        run = self._plan(conn, item, taken, now)
        try:
            key = runs.insert_run(conn, run, item.version_id, item.bundle, spec)
        except runs.RunExists as error:
            log.warning("%s; its assets' events wait for the next poll", error)
            return []
        asset_queue.take(conn, item.dag_id, key, taken)
        log.info("assets made run %s of %s from %d events", run.run_id, item.dag_id, len(taken.events))
        return [key]

    def _plan(self, conn: Connection, item: Candidate, taken: Taken, now: float) -> runs.NewRun:
        """The run: in 3.x it has no date, before it has that of its newest event and covers what its makers did."""
        at = taken.triggered_at
        kind = asset_queue.DATASET_TRIGGERED
        logical_date: float | None = at
        span = asset_queue.find_span(conn, taken.events) if self._generation < 3 else None
        if self._generation >= 3:
            kind, logical_date = asset_queue.ASSET_TRIGGERED, None
        return runs.NewRun(
            dag_id=item.dag_id,
            run_id=runs.make_run_id(kind, logical_date, at),
            run_type=kind,
            logical_date=logical_date,
            interval_start=span[0] if span else logical_date,
            interval_end=span[1] if span else logical_date,
            run_after=at,
            queued_at=now,
            triggered_by="asset",
        )
