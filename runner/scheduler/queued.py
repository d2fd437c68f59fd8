"""Queued runs, until there is room for them: a DAG's own by their time, each backfill's in its own order and number."""

from __future__ import annotations

import bisect
from collections.abc import Mapping

from runner.scheduler.instances import Run
from runner.store.backfills import list_next
from runner.store.database import Connection


class QueuedRuns:
    """By DAG and backfill; the runs of a DAG that belong to no backfill are in order."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[int | None, list[Run]]] = {}

    @property
    def dag_ids(self) -> list[str]:
        """DAGs that have queued runs."""
        return list(self._groups)

    def put(self, run: Run) -> None:
        """A run waits."""
        group = self._groups.setdefault(run.dag_id, {}).setdefault(run.row.backfill, [])
        bisect.insort(group, run, key=lambda queued: (queued.row.run_after, queued.key))

    def drop(self, run: Run) -> None:
        """A run waits no longer; nothing happens when it did not."""
        groups = self._groups.get(run.dag_id, {})
        group = groups.get(run.row.backfill, [])
        if run in group:
            group.remove(run)
            if not group:
                del groups[run.row.backfill]
            if not groups:
                del self._groups[run.dag_id]

    def take(self, conn: Connection, dag_id: str, active: Mapping[int | None, int], now: float) -> list[Run]:
        """Take out the runs of a DAG that may start; `active`: how many are running, by backfill."""
        chosen: list[Run] = []
        for backfill, group in self._groups.get(dag_id, {}).items():
            running = active.get(backfill, 0)
            if backfill is None:
                chosen += _list_due(group, running, now)
            else:
                known = {run.key: run for run in group}
                chosen += [known[key] for key in list_next(conn, backfill, running) if key in known]
        for run in chosen:
            self.drop(run)
        return chosen


def _list_due(group: list[Run], running: int, now: float) -> list[Run]:
    """The oldest runs whose time has come, as many as the DAG may have beside those running."""
    found: list[Run] = []
    for run in group:
        if run.row.run_after > now or running + len(found) >= run.plan.spec.max_active_runs:
            break
        found.append(run)
    return found
