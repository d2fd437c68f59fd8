"""Timetables against Airflow's own answers: the runs of a schedule around changes of a zone's clock.

Ours are Airflow's wherever Airflow gives one. Where it stumbles (`airflow_quirks`), two runs that overlap become two
that touch, and a run that does not come after the one before it is none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from runner.domain.timetables import RunInfo, infer_manual_interval, next_run
from tests.vectors.report import Report, tally

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
LENGTHS = {"1h": {"hours": 1}, "1d": {"days": 1}, "1w": {"weeks": 1}}
Row = dict[str, str]


def run(data: dict[str, Any]) -> Report:
    """Judge every walk and every case without catchup."""
    cases = [(case["id"], judge_walk(case)) for case in data.get("cases", [])]
    return tally([*cases, *((case["id"], judge_now(case)) for case in data.get("now_cases", []))])


def judge_walk(case: dict[str, Any]) -> str | None:
    """What is wrong with our runs of a case that catches up; None when nothing is."""
    expected, rows = case["expected"], walk(case, 0.0, len(case["expected"]))
    if not case.get("airflow_quirks"):
        return describe_difference(rows, expected)
    covers = case["kind"].endswith("data_interval")
    smooth = list(smooth_out(expected, covers))
    if fault := describe_difference(rows[: len(smooth)], smooth):
        return fault
    pairs = list(pairwise(row for row in rows if row))
    stalls = any(before["run_after"] >= after["run_after"] for before, after in pairs)
    overlaps = covers and any(before["end"] > after["start"] for before, after in pairs)
    return "our runs stall or overlap" if stalls or overlaps else None


def judge_now(case: dict[str, Any]) -> str | None:
    """What is wrong with our newest runs of a case that does not catch up, or with a run by hand."""
    now = at(case["now_utc"])
    if fault := describe_difference(walk(case, now, len(case["expected"])), case["expected"]):
        return fault
    start, end = infer_manual_interval(read_timetable(case), now)
    found, manual = {"start": text(start), "end": text(end)}, case.get("manual_run_now")
    return None if manual in (None, found) else f"a run by hand covers {found}, not {manual}"


def walk(case: dict[str, Any], now: float, count: int) -> list[Row | None]:
    """Our first `count` runs."""
    timetable = read_timetable(case)
    start, end = (None if case.get(name) is None else at(case[name]) for name in ("start_utc", "end_utc"))
    rows: list[Row | None] = []
    last = None
    while len(rows) < count:
        info = next_run(timetable, last, start, end, case["catchup"], now)
        rows.append(as_row(info))
        if info is None:
            break
        last = (info.interval_start, info.interval_end)
    return rows


def read_timetable(case: dict[str, Any]) -> dict[str, Any]:
    """The case's schedule as a serialised DAG has it. Raises ValueError for a kind that nothing is known of."""
    kind, _, length = case["kind"].partition("_interval_")
    schedule, shared = case["schedule"], {"timezone": case.get("timezone") or "UTC"}
    shared["interval"] = kind.endswith("data_interval")
    if length:
        shared["length"] = dt.timedelta(**LENGTHS[length]).total_seconds()
    if kind in ("cron_data_interval", "cron_trigger"):
        return {"kind": "cron", "expression": PRESETS.get(schedule, schedule), **shared}
    if kind in ("multi_cron_trigger", "multiple_cron_trigger"):
        return {"kind": "multiple_cron", "expressions": [PRESETS.get(s, s) for s in schedule], **shared}
    if kind in ("delta_data_interval", "delta_trigger"):
        parts = {key: value for key, value in schedule.items() if key != "type"}
        if schedule["type"] == "relativedelta":
            return {"kind": "delta", "relative": parts, **shared}
        return {"kind": "delta", "seconds": dt.timedelta(**parts).total_seconds(), **shared}
    raise ValueError(f"cannot judge cases of kind {case['kind']!r}: nothing is known of it")


def smooth_out(rows: list[Row | None], covers: bool) -> Iterator[Row]:
    """Airflow's rows up to the first that does not come after the last.

    Intervals that together cover the time (`covers`) do not overlap; those of a trigger's own length may.
    """
    last: Row | None = None
    for row in rows:
        if row is None or (last is not None and row["end"] <= last["end"]):
            return
        if covers and last is not None and row["start"] < last["end"]:
            row = {**row, "start": last["end"], "logical_date": last["end"]}
        last = row
        yield row


def describe_difference(rows: list[Row | None], expected: list[Row | None]) -> str | None:
    """The first row that is not as expected."""
    for number, (row, wanted) in enumerate(zip(rows, expected, strict=False)):
        if row != wanted:
            return f"run {number} is {row}, not {wanted}"
    return None if len(rows) == len(expected) else f"{len(rows)} runs, not {len(expected)}"


def as_row(info: RunInfo | None) -> Row | None:
    if info is None:
        return None
    times = (info.logical_date, info.interval_start, info.interval_end, info.run_after)
    return dict(zip(("logical_date", "start", "end", "run_after"), map(text, times), strict=True))


def at(moment: str) -> float:
    return dt.datetime.fromisoformat(moment).timestamp()


def text(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
