"""The DAGs of the simulated cell: few, and between them every limit and several rules."""

from __future__ import annotations

import datetime as dt
from typing import Any

START = 1_700_000_000.0
RUNS = 4
"""How many intervals each scheduled DAG has."""
POOLS = {"small": 2}
BUNDLES = ("b" * 64, "c" * 64)


def make_dags(bundle: str) -> list[dict[str, Any]]:
    """Serialised DAGs; those of the second snapshot have one task more."""
    more = [_task("late", ["a"])] if bundle == BUNDLES[1] else []
    return [
        _dag("chain", 40, [_task("a", retries=2, delay=8), _task("b", ["a"]), *more], max_active_runs=2),
        _dag("pooled", 60, [_task(f"p{i}", pool="small", retries=1, delay=3) for i in range(4)], at_once=3),
        _dag("ruled", 50, _ruled(), called=True),
        _dag("manual", None, [_task("a", retries=1), _task("b", ["a"])], called=True, max_active_runs=2),
    ]


def _ruled() -> list[dict[str, Any]]:
    return [
        _task("a"),
        _task("b"),
        _task("any_failed", ["a", "b"], rule="one_failed"),
        _task("at_last", ["a", "b"], rule="all_done"),
        _task("good", ["a", "b"]),
    ]


def _dag(
    name: str,
    every: float | None,
    tasks: list[dict[str, Any]],
    *,
    max_active_runs: int = 3,
    at_once: int = 16,
    called: bool = False,
) -> dict[str, Any]:
    timetable: dict[str, Any] = {"kind": "null"}
    dates: dict[str, Any] = {}
    if every is not None:
        timetable = {"kind": "delta", "seconds": every, "interval": True}
        dates = {"start_date": _iso(START), "end_date": _iso(START + (RUNS - 1) * every)}
    return {
        "dag_id": name,
        "file": f"{name}.py",
        "timetable": timetable,
        "catchup": True,
        "max_active_runs": max_active_runs,
        "max_active_tasks": at_once,
        "is_paused_upon_creation": False,
        "has_on_failure_callback": called,
        "tasks": tasks,
        **dates,
    }


def _task(
    name: str,
    upstream: list[str] | None = None,
    *,
    rule: str = "all_success",
    retries: int = 0,
    delay: float = 1.0,
    pool: str = "default_pool",
) -> dict[str, Any]:
    return {
        "task_id": name,
        "operator": "Op",
        "upstream": upstream or [],
        "trigger_rule": rule,
        "retries": retries,
        "retry_delay": delay,
        "pool": pool,
    }


def _iso(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat()


def list_dates(name: str) -> set[float]:
    """The oracle: the logical dates that a scheduled DAG has in the end."""
    every = {"chain": 40, "pooled": 60, "ruled": 50}[name]
    return {START + number * every for number in range(RUNS)}
