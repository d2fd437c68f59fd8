"""Partitions of assets: which runs an event leads to and when they begin, as Airflow 3.3.2 has it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from runner.domain.assets import BadAsset, read_updates
from runner.domain.partition_runs import (
    BadKey,
    Came,
    CannotMap,
    carry_date,
    find_run_date,
    judge,
    merge_dates,
    plan_keys,
    read_manual_key,
    sign,
)

A, B = ("a", "x://a"), ("b", "x://b")
IDENTITY = {"kind": "identity"}
DAY = {
    "kind": "day",
    "input": "%Y-%m-%dT%H:%M:%S",
    "output": "%Y-%m-%d",
    "timezone": "America/New_York",
}
REGIONS = {
    "kind": "rollup",
    "upstream": {"kind": "fixed", "key": "all"},
    "window": {"kind": "segments", "segments": ["us", "eu", "ap"]},
    "wait": {"kind": "all"},
}
MIDNIGHT = dt.datetime(2024, 3, 13, 4, tzinfo=dt.UTC).timestamp()


def leaf(asset: tuple[str, str]) -> dict[str, Any]:
    return {"kind": "asset", "name": asset[0], "uri": asset[1]}


def table(default: dict[str, Any] = IDENTITY, **names: Any) -> dict[str, Any]:
    partitions = {"default": default, "name": names, "uri": {}}
    return {"kind": "asset", "condition": {"all": [leaf(A), leaf(B)]}, "partitions": partitions}


def came(asset: tuple[str, str], *keys: str) -> Came:
    return Came(asset, frozenset(keys))


def test_mapper_is_found_by_the_name_of_the_asset_else_it_is_the_default() -> None:
    timetable = table(a=DAY)
    timetable["partitions"]["uri"] = {"x://b": DAY, "x://c": DAY}
    assert plan_keys(timetable, A, "2024-03-13T09:00:00") == ("2024-03-13",)
    assert plan_keys(timetable, B, "2024-03-13T09:00:00") == ("2024-03-13T09:00:00",)
    assert plan_keys(timetable, ("", "x://c"), "2024-03-13T09:00:00") == ("2024-03-13",)


HOURS = {
    "kind": "fan_out",
    "upstream": DAY,
    "window": {"kind": "day", "direction": "forward"},
    "downstream": {**DAY, "kind": "hour", "output": "%H"},
}


@pytest.mark.parametrize(
    ("mapper", "key", "most", "event"),
    [
        ({"kind": "allowed", "keys": ["us"]}, "eu", 1000, "failed to map partition_key"),
        (DAY, "tomorrow", 1000, "failed to map partition_key"),
        ({"kind": "fixed", "key": "k" * 251}, "eu", 1000, "failed to map partition_key"),
        (HOURS, "2024-03-13T09:00:00", 23, "partition fan-out exceeded"),
        ({**HOURS, "most": 23}, "2024-03-13T09:00:00", 1000, "partition fan-out exceeded"),
    ],
)
def test_event_that_cannot_be_mapped_says_what_the_audit_log_calls_it(
    mapper: dict[str, Any], key: str, most: int, event: str
) -> None:
    with pytest.raises(CannotMap, match="key") as caught:
        plan_keys(table(mapper), A, key, most)
    assert caught.value.event == event


def test_mappers_own_limit_stands_above_the_environments() -> None:
    keys = plan_keys(table({**HOURS, "most": 24}), A, "2024-03-13T09:00:00", most=1)
    assert len(keys) == 24 and keys[0] == "00"


def test_any_event_is_enough_but_a_rollup_waits_for_its_window() -> None:
    timetable = table(a=REGIONS)
    assert judge(timetable, "all", {1: came(A, "us", "eu"), 2: came(B, "all")}).satisfied == {2}
    assert judge(timetable, "all", {1: came(A, "us", "eu", "ap"), 2: came(B, "all")}).satisfied == {1, 2}
    assert judge(timetable, "all", {1: came(A, "us", "eu", "xx")}).satisfied == frozenset()


@pytest.mark.parametrize(
    ("n", "keys", "enough", "problems"),
    [
        (2, ["us", "eu"], True, 0),
        (2, ["us", "xx"], False, 0),
        (-1, ["us", "eu"], True, 0),
        (4, ["us"], False, 1),
    ],
)
def test_rollup_begins_with_as_much_as_its_policy_wants(
    n: int, keys: list[str], enough: bool, problems: int
) -> None:
    timetable = table({**REGIONS, "wait": {"kind": "minimum", "n": n}})
    judged = judge(timetable, "all", {1: came(A, *keys)})
    assert (bool(judged.satisfied), len(judged.problems)) == (enough, problems)


def test_window_that_cannot_be_read_is_a_problem_and_no_run() -> None:
    month = {**DAY, "kind": "month", "output": "%d"}
    broken = {**REGIONS, "upstream": month, "window": {"kind": "year", "direction": "forward"}}
    judged = judge(table(broken), "13", {1: came(A, "x")})
    assert not judged.satisfied and "'13'" in judged.problems[0]


def test_signature_changes_with_mappers_and_condition_only() -> None:
    first = table(a=DAY)
    assert sign(first) == sign({**first, "summary": "other"})
    assert sign(first) != sign(table(a={**DAY, "timezone": "UTC"}))
    assert sign(first) != sign({**first, "condition": leaf(A)})
    alias = {"kind": "alias", "name": "z", "group": "g"}
    assert sign(first) == sign({**first, "condition": {"any": [alias, leaf(A), leaf(B)]}})


def test_date_is_that_of_the_mappers_or_else_carried_from_the_producer() -> None:
    assert find_run_date(table(DAY), "2024-03-13", [A, B], 1.0) == MIDNIGHT
    assert find_run_date(table(a=DAY), "2024-03-13", [A, B], 1.0) == MIDNIGHT
    assert find_run_date(table(), "2024-03-13", [A, B], 1.0) == 1.0
    assert find_run_date(table(a=DAY, b={**DAY, "timezone": "UTC"}), "2024-03-13", [A, B], 1.0) is None
    assert find_run_date(table(DAY), "no day", [A], 1.0) is None
    assert (carry_date(table(a=DAY), A, 5.0), carry_date(table(a=DAY), B, 5.0)) == (None, 5.0)


@pytest.mark.parametrize(
    ("known", "new", "merged"), [(None, 5.0, 5.0), (5.0, None, 5.0), (5.0, 5.0, 5.0), (5.0, 6.0, None)]
)
def test_dates_that_disagree_are_none(known: float | None, new: float | None, merged: float | None) -> None:
    assert merge_dates(known, new) == merged


CRON = {
    "kind": "cron",
    "expression": "@daily",
    "timezone": "America/New_York",
    "partition": {"offset": 0, "format": "%Y-%m-%d"},
}


@pytest.mark.parametrize(
    ("timetable", "key", "date"),
    [
        (CRON, "2024-03-13", MIDNIGHT),
        (table(DAY), "2024-03-13", MIDNIGHT),
        (table(), "anything", None),
        ({"kind": "null", "at_runtime": True}, "anything", None),
    ],
)
def test_key_of_a_run_by_hand_says_its_date(timetable: dict[str, Any], key: str, date: float | None) -> None:
    assert read_manual_key("d", timetable, key) == date


@pytest.mark.parametrize(
    ("timetable", "key"),
    [
        ({"kind": "cron", "expression": "@daily"}, "k"),
        (CRON, "13.3.2024"),
        (table(DAY), "no day"),
        (table(), " "),
        (table(), "k" * 251),
    ],
)
def test_key_that_a_run_by_hand_cannot_have_is_refused(timetable: dict[str, Any], key: str) -> None:
    with pytest.raises(BadKey, match="cannot"):
        read_manual_key("d", timetable, key)


def test_partitions_that_a_task_names_are_read_and_those_of_an_alias_are_not() -> None:
    said = {"asset": leaf(A), "extra": {}, "alias": None}
    updates = read_updates([{**said, "partition": "us"}, said, {**said, "alias": "z", "partition": "us"}])
    assert [update.partition for update in updates] == ["us", None, None]
    with pytest.raises(BadAsset, match="partition key"):
        read_updates([{**said, "partition": " "}])
