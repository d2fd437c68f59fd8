"""Partition keys as DAG files write about them, with what Airflow 3.3.2 makes of the same keys."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from airflow._wire import partitions
from airflow.assets.definition import Asset, AssetAll
from airflow.assets.partition_windows import (
    DayWindow,
    HourWindow,
    MinimumCount,
    MonthWindow,
    QuarterWindow,
    SegmentWindow,
    WaitForAll,
    WeekWindow,
    Window,
    YearWindow,
)
from airflow.assets.partitions import (
    AllowedKeyMapper,
    ChainMapper,
    FanOutMapper,
    FixedKeyMapper,
    IdentityMapper,
    PartitionMapper,
    ProductMapper,
    RollupMapper,
    StartOfDayMapper,
    StartOfHourMapper,
    StartOfMonthMapper,
    StartOfQuarterMapper,
    StartOfWeekMapper,
    StartOfYearMapper,
)
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.partitioned import (
    CronPartitionTimetable,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
)

BACK: Any = {"direction": Window.Direction.BACKWARD}


@pytest.mark.parametrize(
    ("mapper", "key", "keys"),
    [
        (IdentityMapper(), "a", "a"),
        (AllowedKeyMapper(["us", "eu"]), "eu", "eu"),
        (FixedKeyMapper("all"), "eu", "all"),
        (StartOfHourMapper(), "2024-03-13T10:42:15", "2024-03-13T10"),
        (StartOfDayMapper(timezone="America/New_York"), "2024-03-13T10:42:15", "2024-03-13"),
        (
            StartOfDayMapper(timezone="America/New_York", input_format="%Y-%m-%dT%H%z"),
            "2024-03-13T02+0000",
            "2024-03-12",
        ),
        (StartOfWeekMapper(), "2024-03-13T10:42:15", "2024-03-11 (W11)"),
        (StartOfMonthMapper(), "2024-03-13T10:42:15", "2024-03"),
        (StartOfQuarterMapper(), "2024-05-13T10:42:15", "2024-Q2"),
        (StartOfYearMapper(), "2024-03-13T10:42:15", "2024"),
        (ProductMapper(IdentityMapper(), StartOfDayMapper()), "us|2024-03-13T10:42:15", "us|2024-03-13"),
        (
            ChainMapper(StartOfDayMapper(), StartOfYearMapper(input_format="%Y-%m-%d")),
            "2024-03-13T10:00:00",
            "2024",
        ),
        (
            FanOutMapper(upstream_mapper=StartOfQuarterMapper(), window=QuarterWindow()),
            "2024-05-13T10:42:15",
            ["2024-04", "2024-05", "2024-06"],
        ),
        (
            FanOutMapper(upstream_mapper=StartOfWeekMapper(), window=WeekWindow(**BACK)),
            "2024-03-13T10:42:15",
            [f"2024-03-{day:02}" for day in range(5, 12)],
        ),
    ],
)
def test_mapper_leads_a_key_to_keys(mapper: PartitionMapper, key: str, keys: Any) -> None:
    assert mapper.to_downstream(key) == keys


@pytest.mark.parametrize(
    ("mapper", "key"),
    [
        (AllowedKeyMapper(["us"]), "eu"),
        (StartOfHourMapper(), "2024-03-13"),
        (ProductMapper(IdentityMapper(), IdentityMapper()), "one"),
    ],
)
def test_key_that_does_not_fit_is_refused(mapper: PartitionMapper, key: str) -> None:
    with pytest.raises(ValueError, match="'"):
        mapper.to_downstream(key)


@pytest.mark.parametrize(
    ("mapper", "window", "key", "first", "last", "count"),
    [
        (
            StartOfHourMapper(),
            HourWindow(),
            "2024-03-13T10",
            "2024-03-13T10:00:00",
            "2024-03-13T10:59:00",
            60,
        ),
        (StartOfDayMapper(), DayWindow(), "2024-03-13", "2024-03-13T00:00:00", "2024-03-13T23:00:00", 24),
        (StartOfMonthMapper(), MonthWindow(), "2024-02", "2024-02-01T00:00:00", "2024-02-29T00:00:00", 29),
        (
            StartOfMonthMapper(),
            MonthWindow(**BACK),
            "2024-03",
            "2024-02-02T00:00:00",
            "2024-03-01T00:00:00",
            29,
        ),
        (StartOfYearMapper(), YearWindow(), "2024", "2024-01-01T00:00:00", "2024-12-01T00:00:00", 12),
        # the spring change: the hour that is not there is the next one, so the day has 23 names
        (
            StartOfDayMapper(timezone="America/New_York"),
            DayWindow(),
            "2024-03-10",
            "2024-03-10T00:00:00",
            "2024-03-10T23:00:00",
            23,
        ),
    ],
)
def test_rollup_waits_for_the_keys_of_its_window(
    mapper: PartitionMapper, window: Window, key: str, first: str, last: str, count: int
) -> None:
    keys = sorted(RollupMapper(upstream_mapper=mapper, window=window).to_upstream(key))
    assert (keys[0], keys[-1], len(keys)) == (first, last, count)


def test_segments_are_rolled_up_whatever_the_key() -> None:
    mapper = RollupMapper(upstream_mapper=FixedKeyMapper("all"), window=SegmentWindow(["us", "eu", "us"]))
    assert (mapper.to_downstream("us"), mapper.to_upstream("all")) == ("all", {"us", "eu"})


@pytest.mark.parametrize(
    ("policy", "matched", "expected", "satisfied"),
    [
        (WaitForAll(), "abc", "abc", True),
        (WaitForAll(), "abx", "abc", False),
        (MinimumCount(2), "abx", "abc", True),
        (MinimumCount(3), "abx", "abc", False),
        (MinimumCount(-1), "ab", "abc", True),
        (MinimumCount(-9), "", "abc", True),
    ],
)
def test_policy_says_how_much_is_enough(policy: Any, matched: str, expected: str, satisfied: bool) -> None:
    assert partitions.is_satisfied(policy.to_wire(), set(matched), set(expected)) is satisfied


def test_date_of_a_partition_is_its_start_in_the_mappers_zone() -> None:
    day = StartOfDayMapper(timezone="America/New_York")
    expected = dt.datetime(2024, 3, 13, 4, tzinfo=dt.UTC)
    assert day.to_partition_date("2024-03-13") == expected
    assert RollupMapper(upstream_mapper=day, window=DayWindow()).to_partition_date("2024-03-13") == expected
    assert ProductMapper(IdentityMapper(), day).to_partition_date("us|2024-03-13") == expected
    assert ProductMapper(day, day).to_partition_date("2024-03-13|2024-03-13") is None
    assert IdentityMapper().to_partition_date("2024-03-13") is None


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: IdentityMapper(max_downstream_keys=0), ValueError),
        (lambda: FixedKeyMapper(""), ValueError),
        (lambda: MinimumCount(0), ValueError),
        (lambda: SegmentWindow([]), ValueError),
        (lambda: RollupMapper(upstream_mapper=IdentityMapper(), window=DayWindow()), TypeError),
        (lambda: FanOutMapper(upstream_mapper=StartOfHourMapper(), window=HourWindow()), ValueError),
        (lambda: StartOfWeekMapper(output_format="%Y %Y"), ValueError),
        (lambda: CronPartitionTimetable("@daily", timezone="UTC", run_offset=dt.timedelta(1)), ValueError),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_written(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_timetables_are_serialised_with_what_their_runs_are_about() -> None:
    cron = CronPartitionTimetable("@hourly", timezone="UTC", run_offset=-1, key_format="%H").to_wire("UTC")
    assert (cron["kind"], cron["interval"], cron["partition"]) == (
        "cron",
        False,
        {"offset": -1, "format": "%H"},
    )
    assert PartitionedAtRuntime().to_wire("UTC")["at_runtime"] is True
    a, b = Asset(uri="s3://a/1", name="a"), Asset.ref(name="b")
    table = PartitionedAssetTimetable(
        assets=a & b, partition_mapper_config={AssetAll(a, b): FixedKeyMapper("k")}
    )
    assert table.to_wire("UTC")["partitions"] == {
        "default": {"kind": "identity"},
        "name": {"a": {"kind": "fixed", "key": "k"}, "b": {"kind": "fixed", "key": "k"}},
        "uri": {"s3://a/1": {"kind": "fixed", "key": "k"}},
    }


def test_mapper_of_the_users_own_is_refused_by_name() -> None:
    class Mine(PartitionMapper):
        def to_downstream(self, key: str) -> str:
            return key

    table = PartitionedAssetTimetable(assets=Asset("a"), default_partition_mapper=Mine())
    with pytest.raises(AirflowTimetableInvalid, match="Mine"):
        table.to_wire("UTC")
