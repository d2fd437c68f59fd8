"""Timetables against Airflow's own answers (tests/vectors/cron_dst.json) and against properties of their own."""

from __future__ import annotations

import datetime as dt
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.cron import BadSchedule, read_cron
from runner.domain.timetables import RunInfo, infer_manual_interval, next_run

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "cron_dst.json").read_text())
PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
LATER = ("cron_trigger_interval_1d", "multi_cron_trigger")  # timetables that no serialised DAG can name yet
WALKS = [case for case in VECTORS["cases"] if case["kind"] not in LATER]


def at(text: str | None) -> float | None:
    return None if text is None else dt.datetime.fromisoformat(text).timestamp()


def text(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def timetable(case: dict[str, Any]) -> dict[str, Any]:
    schedule, interval = case["schedule"], case["kind"].endswith("data_interval")
    if isinstance(schedule, str):
        expression = PRESETS.get(schedule, schedule)
        return {"kind": "cron", "expression": expression, "timezone": case["timezone"], "interval": interval}
    parts = {k: v for k, v in schedule.items() if k != "type"}
    if schedule["type"] == "timedelta":
        return {"kind": "delta", "seconds": dt.timedelta(**parts).total_seconds(), "interval": interval}
    return {"kind": "delta", "relative": parts, "interval": interval}


def as_row(info: RunInfo | None) -> dict[str, str] | None:
    if info is None:
        return None
    times = (info.logical_date, info.interval_start, info.interval_end, info.run_after)
    return dict(zip(("logical_date", "start", "end", "run_after"), map(text, times), strict=True))


def walk(case: dict[str, Any], now: float, count: int) -> list[dict[str, str] | None]:
    rows: list[dict[str, str] | None] = []
    last = None
    for _ in range(count):
        info = next_run(
            timetable(case), last, at(case["start_utc"]), at(case.get("end_utc")), case["catchup"], now
        )
        rows.append(as_row(info))
        if info is None:
            break
        last = (info.interval_start, info.interval_end)
    return rows


@pytest.mark.parametrize("case", WALKS, ids=[case["id"] for case in WALKS])
def test_walk_gives_airflows_runs_when_catching_up(case: dict[str, Any]) -> None:
    rows = walk(case, now=0.0, count=len(case["expected"]))
    if "airflow_quirks" in case:
        starts = [row["start"] for row in rows if row]
        assert len(starts) == len(case["expected"])
        assert all(a < b for a, b in pairwise(starts))
    else:
        assert rows == case["expected"]


@pytest.mark.parametrize("case", VECTORS["now_cases"], ids=[case["id"] for case in VECTORS["now_cases"]])
def test_newest_run_is_airflows_when_not_catching_up(case: dict[str, Any]) -> None:
    now = at(case["now_utc"])
    assert now is not None
    assert walk(case, now, len(case["expected"])) == case["expected"]
    start, end = infer_manual_interval(timetable(case), now)
    assert {"start": text(start), "end": text(end)} == case["manual_run_now"]


EXPRESSIONS = (
    "0 * * * *",
    "30 * * * *",
    "*/7 * * * *",
    "30 2 * * *",
    "15,45 1,2 * * *",
    "0 */2 * * *",
    "0 0 31 * *",
)
ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
)


@settings(max_examples=150, deadline=None)
@given(
    expression=st.sampled_from(EXPRESSIONS),
    zone=st.sampled_from(ZONES),
    interval=st.booleans(),
    start=st.integers(1_230_000_000, 1_900_000_000),
)
def test_schedule_never_stalls_in_any_zone(expression: str, zone: str, interval: bool, start: int) -> None:
    table = {"kind": "cron", "expression": expression, "timezone": zone, "interval": interval}
    last = None
    for _ in range(30):
        info = next_run(table, last, float(start), None, True, 0.0)
        assert info is not None
        assert info.interval_start >= start
        assert last is None or info.run_after > last[1]
        last = (info.interval_start, info.interval_end)


@settings(max_examples=100, deadline=None)
@given(
    expression=st.sampled_from(EXPRESSIONS),
    zone=st.sampled_from(ZONES),
    now=st.integers(1_300_000_000, 1_900_000_000),
)
def test_only_the_newest_runs_are_due_without_catchup(expression: str, zone: str, now: int) -> None:
    table = {"kind": "cron", "expression": expression, "timezone": zone, "interval": True}
    last, due = (1.2e9, 1.2e9 + 60), 0
    for _ in range(4):
        info = next_run(table, last, 1.1e9, None, False, float(now))
        assert info is not None
        due += info.run_after <= now
        last = (info.interval_start, info.interval_end)
    assert due <= 2  # two where the clock repeats an hour


def test_no_run_is_due_when_the_timetable_is_null() -> None:
    assert next_run({"kind": "null"}, None, 0.0, None, True, 10.0) is None


def test_once_happens_at_the_start_date_and_never_again() -> None:
    first = next_run({"kind": "once"}, None, 100.0, None, False, 900.0)
    assert first == RunInfo(100.0, 100.0, 100.0, 100.0)
    assert next_run({"kind": "once"}, (100.0, 100.0), 100.0, None, False, 900.0) is None


def test_continuous_covers_the_time_since_the_last_run() -> None:
    first = next_run({"kind": "continuous"}, None, 100.0, None, False, 900.0)
    assert first == RunInfo(100.0, 100.0, 900.0, 900.0)
    assert next_run({"kind": "continuous"}, (100.0, 900.0), 100.0, None, False, 950.0) == RunInfo(
        900, 900, 950, 950
    )
    assert next_run({"kind": "continuous"}, None, 100.0, 800.0, False, 900.0) is None


def test_delta_without_catchup_takes_up_at_now() -> None:
    daily = {"kind": "delta", "seconds": 86400.0, "interval": True}
    info = next_run(daily, (0.0, 86400.0), 0.0, None, False, 10 * 86400.0 + 5)
    assert info == RunInfo(9 * 86400.0, 9 * 86400.0, 10 * 86400.0, 10 * 86400.0)


@pytest.mark.parametrize("expression", ["61 * * * *", "nonsense", "* * *", ""])
def test_bad_expression_is_refused_with_its_text(expression: str) -> None:
    with pytest.raises(BadSchedule, match="cannot read the schedule"):
        read_cron(expression, "UTC")


def test_unknown_zone_is_refused() -> None:
    with pytest.raises(BadSchedule, match="Mars/Olympus"):
        read_cron("0 0 * * *", "Mars/Olympus")


def test_delta_of_nothing_is_refused() -> None:
    with pytest.raises(BadSchedule, match="longer than nothing"):
        next_run({"kind": "delta", "seconds": 0}, None, 0.0, None, True, 1.0)
