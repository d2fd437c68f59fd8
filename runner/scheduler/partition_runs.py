"""Making the runs of DAGs that wait for partitions of assets: one for each partition of which enough has come.

As in `asset_runs`, all that belongs to a run changes in one transaction. However many are unfinished, the run is made:
it waits in the queue.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from runner.domain.assets import get_condition, is_met
from runner.domain.partition_runs import Came, find_run_date, is_partitioned, judge, sign
from runner.domain.spec import DagSpec
from runner.scheduler.refusals import UNMAKABLE
from runner.store import asset_queue, partition_waits, runs
from runner.store.asset_queue import ASSET_TRIGGERED
from runner.store.database import Connection
from runner.store.partition_waits import Wait

log = logging.getLogger(__name__)
MOST_AT_ONCE = 100
"""So many partitions are looked at in one turn: those of which something came first, then the oldest."""


class PartitionRuns:
    """Remembers which partitions were looked at and lacked something, so that one that waits costs nothing."""

    def __init__(self) -> None:
        self._unmet: dict[int, tuple[int, int]] = {}
        """Partition that waits -> the version and the newest event that it was judged by."""
        self._again: set[int] = set()
        """Those of them that are looked at again without news."""
        self._told: set[tuple[str, str]] = set()

    def forget(self) -> None:
        """DAGs or assets may have changed: every partition is looked at again."""
        self._again = set(self._unmet)

    def create(
        self, conn: Connection, now: float, read_spec: Callable[[int], DagSpec]
    ) -> tuple[list[int], bool]:
        """Make the run of every partition of which enough has come; their keys, and whether there may be more."""
        if not partition_waits.is_any_waiting(conn):
            return [], False
        chosen = self._choose(partition_waits.list_waits(conn))
        news, rest = chosen[:MOST_AT_ONCE], chosen[MOST_AT_ONCE:]
        self._again.difference_update(wait.id for wait in news)
        came = partition_waits.load_came(conn, [wait.id for wait in news])
        keys: list[int] = []
        for wait in news:
            try:
                with conn.begin_nested():
                    keys += self._settle(conn, wait, came.get(wait.id, {}), read_spec(wait.version_id), now)
            except (*UNMAKABLE, runs.RunExists) as error:
                # looked at again with the next poll; it holds up no other
                log.error("cannot make the run of %s for partition %r: %s", wait.dag_id, wait.key, error)
                self._unmet[wait.id] = (wait.version_id, wait.newest)
                self._again.add(wait.id)
        return keys, bool(rest)

    def _choose(self, waits: list[Wait]) -> list[Wait]:
        """What to look at, in that order. What waits no more is forgotten."""
        known = {wait.id for wait in waits}
        self._unmet = {key: value for key, value in self._unmet.items() if key in known}
        self._again &= known
        news = [wait for wait in waits if self._unmet.get(wait.id) != (wait.version_id, wait.newest)]
        fresh = {wait.id for wait in news}
        return news + [wait for wait in waits if wait.id in self._again - fresh]

    def _settle(
        self, conn: Connection, wait: Wait, came: Mapping[int, Came], spec: DagSpec, now: float
    ) -> list[int]:
        timetable = spec.timetable
        if not is_partitioned(timetable) or sign(timetable) != wait.signature:
            log.info("partition %r of %s waits no more: its mappers are others now", wait.key, wait.dag_id)
            partition_waits.drop(conn, wait.id)
            return []
        judged = judge(timetable, wait.key, came)
        self._tell(wait, judged.problems)
        condition = get_condition(timetable) or {}
        if not judged.satisfied or not is_met(condition, asset_queue.load_waiting(conn, judged.satisfied)):
            self._unmet[wait.id] = (wait.version_id, wait.newest)
            return []
        run = _plan(wait, timetable, came, now)
        key = runs.insert_run(conn, run, wait.version_id, wait.bundle, spec)
        taken = partition_waits.take(conn, wait.id, key)
        log.info(
            "assets made run %s of %s for partition %r from %d events",
            run.run_id,
            wait.dag_id,
            wait.key,
            taken,
        )
        return [key]

    def _tell(self, wait: Wait, problems: tuple[str, ...]) -> None:
        """What will never do is logged once."""
        for text in problems:
            if (wait.dag_id, text) not in self._told:
                self._told.add((wait.dag_id, text))
                log.warning("cannot make a run of %s: %s", wait.dag_id, text)


def _plan(wait: Wait, timetable: Mapping[str, Any], came: Mapping[int, Came], now: float) -> runs.NewRun:
    return runs.NewRun(
        dag_id=wait.dag_id,
        run_id=runs.make_run_id(ASSET_TRIGGERED, None, now),
        run_type=ASSET_TRIGGERED,
        logical_date=None,
        interval_start=None,
        interval_end=None,
        run_after=now,
        queued_at=now,
        triggered_by="asset",
        partition_key=wait.key,
        partition_date=find_run_date(timetable, wait.key, [item.asset for item in came.values()], wait.date),
    )
