"""The partition of a cron's run, from its tick."""

from __future__ import annotations

import datetime as dt

import pytest

from runner.domain.partitions import find_partition

AT = dt.datetime(2024, 3, 11, 4, tzinfo=dt.UTC)


def table(
    zone: str = "UTC", offset: int = 0, text: str = "%Y-%m-%dT%H:%M:%S", cron: str = "0 0 * * *"
) -> dict[str, object]:
    return {
        "kind": "cron",
        "expression": cron,
        "timezone": zone,
        "partition": {"offset": offset, "format": text},
    }


@pytest.mark.parametrize(
    ("timetable", "key", "date"),
    [
        (table("America/New_York"), "2024-03-11T00:00:00", "2024-03-11T04:00:00+00:00"),
        # the day before is of winter's clock
        (table("America/New_York", -1), "2024-03-10T00:00:00", "2024-03-10T05:00:00+00:00"),
        (table("America/New_York", 2, "%Y-%m-%d"), "2024-03-13", "2024-03-13T04:00:00+00:00"),
        (table("+05:30", text="%H%M", cron="30 9 * * *"), "0930", "2024-03-11T04:00:00+00:00"),
    ],
)
def test_partition_is_that_of_the_tick_by_the_offset(
    timetable: dict[str, object], key: str, date: str
) -> None:
    found = find_partition(timetable, "scheduled", AT.timestamp())
    assert found == (key, dt.datetime.fromisoformat(date).timestamp())


def test_runs_by_hand_and_of_other_timetables_have_none() -> None:
    assert find_partition(table(), "manual", AT.timestamp()) is None
    assert find_partition({"kind": "cron", "expression": "@daily"}, "scheduled", AT.timestamp()) is None
