"""Making the runs that timetables ask for. The run and the pointer to the next one change in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from runner.domain.partitions import find_partition
from runner.domain.spec import DagSpec
from runner.domain.timetables import Interval, RunInfo, is_asked, next_run
from runner.scheduler.refusals import UNMAKABLE
from runner.store import dags, runs
from runner.store.dags import Due
from runner.store.database import Connection

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Created:
    """What was made, what could not be because its DAG has enough unfinished runs, and when to look again."""

    keys: tuple[int, ...]
    blocked: frozenset[str]
    next_due: float | None
    passed: Mapping[str, Interval] = field(default_factory=dict)
    """DAGs whose timetable must be asked what comes after the interval that was made a run of, or is one already."""


def create_due(
    conn: Connection,
    now: float,
    blocked: frozenset[str],
    read_spec: Callable[[int], DagSpec],
    named_by_run_after: bool,
) -> Created:
    """Make at most one run of every DAG that is due; those still due afterwards are for the next turn."""
    due = dags.list_due(conn, now, blocked)
    counts = runs.count_unfinished(conn, [item.dag_id for item in due]) if due else {}
    keys, full, passed = [], set(blocked), {}
    for item in due:
        spec = read_spec(item.version_id)
        if counts.get(item.dag_id, 0) >= spec.max_active_runs or not spec.allows(runs.SCHEDULED):
            full.add(item.dag_id)
            continue
        try:
            with conn.begin_nested():
                key = _create(conn, item, spec, now, named_by_run_after)
        except UNMAKABLE as error:  # looked at again with the next poll; it holds up no other DAG
            log.error("cannot make the run of %s that is due: %s", item.dag_id, error)
            full.add(item.dag_id)
            continue
        if is_asked(spec.timetable):
            passed[item.dag_id] = (item.info.interval_start, item.info.interval_end)
        if key is not None:
            keys.append(key)
    return Created(tuple(keys), frozenset(full), now if due else dags.find_next_due(conn, now), passed)


def _create(conn: Connection, due: Due, spec: DagSpec, now: float, named_by_run_after: bool) -> int | None:
    """Make the run that is due and point at the one after; None when it is not due after all or is there already."""
    info = _skip_to_newest(conn, due, spec, now)
    if info is None or info.run_after > now:
        dags.set_next_run(conn, due.dag_id, info)
        return None
    after = next_run(
        spec.timetable, (info.interval_start, info.interval_end), spec.first, spec.last, spec.catchup, now
    )
    dags.set_next_run(conn, due.dag_id, after)
    named = info.run_after if named_by_run_after else info.logical_date
    key, date = find_partition(spec.timetable, runs.SCHEDULED, info.run_after) or (None, None)
    run = runs.NewRun(
        dag_id=due.dag_id,
        run_id=runs.make_run_id(runs.SCHEDULED, named, info.run_after),
        run_type=runs.SCHEDULED,
        logical_date=info.logical_date,
        interval_start=info.interval_start,
        interval_end=info.interval_end,
        run_after=info.run_after,
        queued_at=now,
        partition_key=key,
        partition_date=date,
    )
    try:
        return runs.insert_run(conn, run, due.version_id, due.bundle, spec)
    except runs.RunExists as error:
        log.info("%s; going on with the next interval", error)
        return None


def _skip_to_newest(conn: Connection, due: Due, spec: DagSpec, now: float) -> RunInfo | None:
    """The run to make now. Without catchup the pointer may be old: the DAG was paused, or we were not running."""
    if spec.catchup:
        return due.info
    last = dags.find_last_interval(conn, due.dag_id)
    newest = next_run(spec.timetable, last, spec.first, spec.last, False, now)
    if newest is None or newest.logical_date < due.info.logical_date:
        return due.info
    return newest
