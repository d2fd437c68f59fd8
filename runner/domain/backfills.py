"""Which runs a backfill has: the intervals of a timetable between two dates, and what becomes of runs there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.domain.spec import DagSpec
from runner.domain.states import RUN_TERMINAL, DagRunState
from runner.domain.timetables import RunInfo, get_time_part, next_run

IN_FLIGHT, ALREADY_EXISTS = "in flight", "already exists"
MAX_RUNS = 100_000
MAX_ASKED = 10_000
"""As many runs are asked for of a timetable of the user's own."""
_APERIODIC = frozenset({"null", "once", "continuous", "asset"})


class BadBackfill(ValueError):
    """A backfill that cannot be; the message says why and what to ask for instead."""


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """A backfill as it was asked for. `from_date` and `to_date` bound the logical dates of its runs, both inclusive."""

    dag_id: str
    from_date: float
    to_date: float
    reprocess_behavior: str = "none"
    max_active_runs: int = 10
    run_backwards: bool = False
    run_on_latest: bool = True
    conf: Mapping[str, Any] | None = None


def check(plan: BackfillPlan, spec: DagSpec, now: float) -> None:
    """Raises BadBackfill when the DAG cannot be backfilled so."""
    if get_kind(spec.timetable) in _APERIODIC:
        raise BadBackfill(f"{plan.dag_id} has a non-periodic schedule that does not support backfills")
    if plan.max_active_runs < 1:
        raise BadBackfill("cannot backfill with less than one active run: max_active_runs must be at least 1")
    if plan.from_date > plan.to_date:
        raise BadBackfill("cannot backfill: from_date must not be after to_date")
    if plan.from_date >= now:
        raise BadBackfill("Backfill cannot be executed for future dates.")
    if not any(task.depends_on_past for task in spec.tasks):
        return
    if plan.run_backwards:
        raise BadBackfill(
            "Backfill cannot be run in reverse when the Dag has tasks where depends_on_past=True."
        )
    if plan.reprocess_behavior == "none":
        raise BadBackfill(
            "Dag has tasks for which depends_on_past=True. "
            "You must set reprocess behavior to reprocess completed or reprocess failed."
        )


def get_kind(timetable: Mapping[str, Any]) -> str:
    """What drives the DAG by the clock."""
    return str(get_time_part(timetable).get("kind", "null"))


def list_infos(plan: BackfillPlan, timetable: Mapping[str, Any], now: float) -> list[RunInfo]:
    """The runs of the backfill in their order: those whose interval is over. Raises BadBackfill."""
    found: list[RunInfo] = []
    last = None
    while True:
        info = next_run(timetable, last, plan.from_date, plan.to_date, True, now)
        if info is None or info.interval_end >= now:
            break
        interval = (info.interval_start, info.interval_end)
        if interval == last or len(found) >= MAX_RUNS:
            raise BadBackfill(
                f"cannot backfill more than {MAX_RUNS} runs at once: choose from_date and to_date nearer together"
            )
        if info.logical_date >= plan.from_date:
            found.append(info)
        last = interval
    return found[::-1] if plan.run_backwards else found


def choose_infos(plan: BackfillPlan, asked: Sequence[RunInfo], now: float) -> list[RunInfo]:
    """The same of what a timetable of the user's own answered. Raises BadBackfill."""
    if len(asked) > MAX_ASKED:
        raise BadBackfill(
            f"cannot backfill more than {MAX_ASKED} runs at once: choose from_date and to_date nearer together"
        )
    found = [
        info
        for info in asked
        if info.interval_end < now and plan.from_date <= info.logical_date <= plan.to_date
    ]
    return found[::-1] if plan.run_backwards else found


def find_obstacle(state: DagRunState, reprocess_behavior: str) -> str | None:
    """Why a run that is there already is left alone; None: it runs again as part of the backfill."""
    if state not in RUN_TERMINAL:
        return IN_FLIGHT
    if reprocess_behavior == "completed" or (reprocess_behavior == "failed" and state is DagRunState.FAILED):
        return None
    return ALREADY_EXISTS
