"""Schedules that wait for partitions, written as DAG files write them: read by ours and by a real Airflow alike."""

from __future__ import annotations

from typing import Any

from airflow.sdk import (
    AllowedKeyMapper,
    Asset,
    ChainMapper,
    DayWindow,
    FanOutMapper,
    FixedKeyMapper,
    IdentityMapper,
    MinimumCount,
    PartitionedAssetTimetable,
    ProductMapper,
    QuarterWindow,
    RollupMapper,
    SegmentWindow,
    StartOfDayMapper,
    StartOfHourMapper,
    StartOfMonthMapper,
    StartOfQuarterMapper,
    StartOfWeekMapper,
    WeekWindow,
    Window,
)

A, B, C = (Asset(name, uri=f"x-t://{name}/x") for name in "abc")
NEW_YORK: Any = {"timezone": "America/New_York"}
HOURS = StartOfHourMapper(input_format="%Y-%m-%dT%H:%M:%S")
DAYS = StartOfDayMapper(input_format="%Y-%m-%dT%H:%M:%S")


def make_schedules() -> list[Any]:
    """All of them, in an order that recordings count on: new ones go to the end."""
    segments = SegmentWindow(["us", "eu", "ap"])
    together = FixedKeyMapper("all")
    quarters = FanOutMapper(upstream_mapper=StartOfQuarterMapper(), window=QuarterWindow())
    back = WeekWindow(direction=Window.Direction.BACKWARD)

    def roll(mapper: Any, window: Any, **more: Any) -> Any:
        return RollupMapper(upstream_mapper=mapper, window=window, **more)

    def table(assets: Any, default: Any = None, config: Any = None) -> Any:
        given = {"default_partition_mapper": default, "partition_mapper_config": config}
        return PartitionedAssetTimetable(assets=assets, **{k: v for k, v in given.items() if v is not None})

    return [
        table(A),
        table(A & B),
        table(A | B),
        table((A & B) | C),
        table(A & B, config={A: StartOfDayMapper(), B: StartOfDayMapper()}),
        table(A & B, config={A: StartOfDayMapper(**NEW_YORK), B: StartOfDayMapper()}),
        table(A & B, default=AllowedKeyMapper(["us", "eu"])),
        table(A & B, config={B: FixedKeyMapper("us")}),
        table(A, default=roll(together, segments)),
        table(
            A & B,
            config={A: roll(together, segments, wait_policy=MinimumCount(2))},
            default=together,
        ),
        table(A | B, default=roll(together, segments, wait_policy=MinimumCount(-1))),
        table(A, default=roll(together, segments, wait_policy=MinimumCount(7))),
        table(A, default=roll(DAYS, DayWindow(), wait_policy=MinimumCount(2))),
        table(A, default=FanOutMapper(upstream_mapper=StartOfWeekMapper(), window=WeekWindow())),
        table(
            A & B,
            config={
                A: quarters,
                B: StartOfMonthMapper(),
            },
        ),
        table(
            A,
            default=FanOutMapper(
                upstream_mapper=StartOfWeekMapper(), window=WeekWindow(), max_downstream_keys=6
            ),
        ),
        table(A & C, default=ChainMapper(StartOfDayMapper(), StartOfMonthMapper(input_format="%Y-%m-%d"))),
        table(A, default=ProductMapper(IdentityMapper(), StartOfDayMapper())),
        table(Asset.ref(name="a") & Asset.ref(uri="x-t://b/x")),
        table(
            Asset.ref(name="a") & B,
            config={Asset.ref(name="a"): StartOfDayMapper()},
            default=StartOfDayMapper(),
        ),
        table(
            A,
            default=roll(
                StartOfWeekMapper(),
                back,
                wait_policy=MinimumCount(-6),
            ),
        ),
        table(A & B, config={A: HOURS}),
    ]
