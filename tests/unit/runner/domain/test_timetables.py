"""Timetables against Airflow's own answers (tests/vectors/cron_dst.json) and against properties of their own."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.cron import BadSchedule, read_cron
from runner.domain.timetables import RunInfo, infer_manual_interval, is_asked, next_run
from tests.vectors import cron_dst

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "cron_dst.json").read_text())


@pytest.mark.parametrize("case", VECTORS["cases"], ids=[case["id"] for case in VECTORS["cases"]])
def test_walk_gives_airflows_runs_when_catching_up(case: dict[str, Any]) -> None:
    assert cron_dst.judge_walk(case) is None


@pytest.mark.parametrize("case", VECTORS["now_cases"], ids=[case["id"] for case in VECTORS["now_cases"]])
def test_newest_run_is_airflows_when_not_catching_up(case: dict[str, Any]) -> None:
    assert cron_dst.judge_now(case) is None


def test_vector_runner_says_so_when_a_run_is_not_as_expected() -> None:
    case = VECTORS["cases"][0]
    wrong = [{**case["expected"][0], "start": "1999-01-01T00:00:00Z"}, *case["expected"][1:]]
    assert "run 0 is" in str(cron_dst.judge_walk({**case, "expected": wrong}))


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


LORD_HOWE = {"kind": "cron", "expression": "30 * * * *", "timezone": "Australia/Lord_Howe", "interval": True}


def test_intervals_touch_where_the_clock_goes_back_by_half_an_hour() -> None:
    last, seen = None, []
    for _ in range(40):
        info = next_run(LORD_HOWE, last, 1775224800.0, None, True, 0.0)
        assert info is not None
        seen.append(last := (info.interval_start, info.interval_end))
    assert all(before[1] == after[0] for before, after in pairwise(seen))


def test_interval_begins_at_the_tick_before_when_the_schedule_was_changed() -> None:
    daily = {"kind": "cron", "expression": "0 0 * * *", "timezone": "UTC", "interval": True}
    info = next_run(daily, (3600.0 * 28, 3600.0 * 29), 0.0, None, True, 0.0)
    assert info == RunInfo(86400.0, 86400.0, 2 * 86400.0, 2 * 86400.0)


def test_trigger_with_a_length_covers_the_time_before_its_tick() -> None:
    table = {
        "kind": "cron",
        "expression": "0 0 * * *",
        "timezone": "UTC",
        "interval": False,
        "length": 86400.0,
    }
    assert next_run(table, None, 3 * 86400.0, None, True, 0.0) == RunInfo(
        2 * 86400.0, 2 * 86400.0, 3 * 86400.0, 3 * 86400.0
    )
    assert infer_manual_interval(table, 90000.0) == (3600.0, 90000.0)
    monthly = {**table, "length": {"months": 1}}
    assert infer_manual_interval(monthly, 86400.0 * 31)[0] == 0.0


@pytest.mark.parametrize(
    ("immediately", "now", "tick"),
    [
        (False, 3600.0 + 200, 3600.0),  # within five minutes of the tick before
        (False, 3600.0 + 400, 7200.0),
        (True, 7199.0, 3600.0),
        (600.0, 3600.0 + 599, 3600.0),
        (600.0, 3600.0 + 601, 7200.0),
    ],
)
def test_first_run_without_a_start_date_is_the_last_tick_when_that_is_near(
    immediately: bool | float, now: float, tick: float
) -> None:
    table = {"kind": "cron", "expression": "0 * * * *", "timezone": "UTC", "run_immediately": immediately}
    info = next_run(table, None, None, None, True, now)
    assert info is not None and info.run_after == tick


def test_several_crons_make_one_run_for_each_moment() -> None:
    table = {"kind": "multiple_cron", "expressions": ["0 6 * * *", "0 */12 * * *"], "timezone": "UTC"}
    last, seen = None, []
    for _ in range(5):
        info = next_run(table, last, 0.0, None, True, 0.0)
        assert info is not None
        seen.append(info.run_after / 3600)
        last = (info.interval_start, info.interval_end)
    assert seen == [0, 6, 12, 24, 30]
    newest = next_run(table, (0.0, 0.0), 0.0, None, False, 50 * 3600.0)
    assert newest is not None and newest.run_after == 48 * 3600.0


EVENTS = {
    "kind": "events",
    "dates": ["1970-01-01T02:00:00+00:00", "1970-01-01T01:00:00", "1970-01-01T03:00:00Z"],
}


def test_events_come_in_order_and_end() -> None:
    last, seen = None, []
    while info := next_run(EVENTS, last, 0.0, None, True, 0.0):
        seen.append(info.run_after)
        last = (info.interval_start, info.interval_end)
    assert seen == [3600.0, 7200.0, 10800.0]
    assert next_run(EVENTS, None, 0.0, None, False, 7201.0) == RunInfo(10800.0, 10800.0, 10800.0, 10800.0)
    assert next_run(EVENTS, None, 0.0, 7100.0, False, 3601.0) is None


def test_manual_run_takes_the_newest_event_only_when_restricted() -> None:
    assert infer_manual_interval(EVENTS, 8000.0) == (8000.0, 8000.0)
    restricted = {**EVENTS, "restrict_to_events": True}
    assert infer_manual_interval(restricted, 8000.0) == (7200.0, 7200.0)
    assert infer_manual_interval(restricted, 5.0) == (3600.0, 3600.0)


def test_asset_or_time_runs_when_its_time_comes_and_assets_never_do() -> None:
    time = {"kind": "delta", "seconds": 60.0, "interval": True}
    both = {"kind": "asset_or_time", "time": time, "condition": {"all": []}}
    assert next_run(both, None, 0.0, None, True, 0.0) == next_run(time, None, 0.0, None, True, 0.0)
    assert next_run({"kind": "asset", "condition": {"all": []}}, None, 0.0, None, True, 10.0) is None
    assert is_asked({**both, "time": {"kind": "custom", "classpath": "a.B"}}) and not is_asked(both)


def test_relative_delta_may_name_a_day_of_the_week() -> None:
    fridays = {"kind": "delta", "relative": {"days": 1, "weekday": [4, 1]}, "interval": True}
    info = next_run(fridays, None, 0.0, None, True, 0.0)  # 1970 began on a Thursday
    assert info is not None and info.run_after == 86400.0


def test_expression_that_never_comes_is_refused() -> None:
    with pytest.raises(BadSchedule, match="30 2"):
        read_cron("0 0 30 2 *", "UTC")


def test_fixed_offset_is_a_zone() -> None:
    table = {"kind": "cron", "expression": "0 0 * * *", "timezone": "+05:30", "interval": False}
    info = next_run(table, None, 0.0, None, True, 0.0)
    assert info is not None and info.run_after == 66600.0
