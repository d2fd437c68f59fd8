"""Partitions over REST v2: events and runs of them, and runs chosen by them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from runner.events import DagsChanged, RunChanged
from runner.scheduler.asset_runs import AssetRuns
from runner.store import dags
from tests.unit.runner.api.conftest import NOW, Cell

REGIONS = {"kind": "asset", "name": "regions", "uri": "x-t://regions", "group": "asset", "extra": {}}
BY_REGION = {
    "kind": "asset",
    "condition": REGIONS,
    "partitions": {"default": {"kind": "identity"}, "name": {}, "uri": {}},
}
DAILY = {
    "kind": "cron",
    "expression": "0 0 * * *",
    "timezone": "America/New_York",
    "interval": False,
    "partition": {"offset": 0, "format": "%Y-%m-%d"},
}
RUNS = "/dags/days/dagRuns"


@pytest.fixture
def parted(any_demo: Cell) -> Cell:
    """`by_region` waits for partitions of an asset; `days` has three runs by the clock, of the days from the 9th on."""
    any_demo.put_dag("by_region", [{"task_id": "t"}], timetable=BY_REGION)
    any_demo.put_dag("days", [{"task_id": "t"}], timetable=DAILY, start_date="2024-03-01T00:00:00+00:00")
    for day in (9, 10, 11):
        begin = dt.datetime(2024, 3, day, 5 if day < 11 else 4, tzinfo=dt.UTC).timestamp()
        parts = {"partition_key": f"2024-03-{day:02}", "partition_date": begin, "run_type": "scheduled"}
        any_demo.put_run("days", f"r{day}", begin, **parts)
    return any_demo


def post_event(cell: Cell, **body: Any) -> Any:
    (item,) = cell.call("GET", "/assets", params={"name_pattern": "regions"}).json()["assets"]
    return cell.call("POST", "/assets/events", json={"asset_id": item["id"], **body})


def keys(cell: Cell, **params: Any) -> list[str | None]:
    found = cell.call("GET", RUNS, params=params)
    assert found.status_code == 200, found.text
    return [run["partition_key"] for run in found.json()["dag_runs"]]


def test_event_by_hand_has_its_partition_and_makes_the_run_of_it(parted: Cell) -> None:
    assert post_event(parted, partition_key="us").json()["partition_key"] == "us"
    assert isinstance(parted.scheduler.events[-1], DagsChanged)
    with parted.context.db.begin() as conn:
        AssetRuns(3).create(conn, NOW, frozenset(), lambda version: dags.get_version(conn, version))
    (run,) = parted.call("GET", "/dags/by_region/dagRuns").json()["dag_runs"]
    assert (run["partition_key"], run["run_type"], run["logical_date"]) == ("us", "asset_triggered", None)
    (event,) = parted.call("GET", "/assets/events").json()["asset_events"]
    assert (event["partition_key"], event["created_dagruns"][0]["partition_key"]) == ("us", "us")
    assert event["created_dagruns"][0]["triggering"] is True


def test_event_that_makes_no_run_is_told_in_the_audit_log(parted: Cell) -> None:
    assert post_event(parted).json()["partition_key"] is None
    (entry,) = parted.call("GET", "/eventLogs", params={"event": "missing partition key"}).json()[
        "event_logs"
    ]
    assert "by_region" in entry["extra"] and entry["dag_id"] is None


@pytest.mark.parametrize("key", ["", " ", "k" * 251, 7])
def test_event_with_a_key_that_is_none_is_refused(parted: Cell, key: Any) -> None:
    assert post_event(parted, partition_key=key).status_code == 422


def test_limit_of_the_environment_holds_for_events_by_hand(parted: Cell) -> None:
    day = {"kind": "day", "input": "%Y-%m-%d", "output": "%Y-%m-%d", "timezone": "UTC"}
    window = {"kind": "week", "direction": "forward"}
    fan = {"kind": "fan_out", "upstream": {**day, "kind": "week"}, "window": window, "downstream": day}
    many = {**BY_REGION, "partitions": {"default": fan, "name": {}, "uri": {}}}
    parted.put_dag("by_region", [{"task_id": "t"}], timetable=many)
    parted.context.spec.config["scheduler.partition_mapper_max_downstream_keys"] = "6"  # type: ignore[index]
    assert post_event(parted, partition_key="2024-03-13").status_code == 200
    params = {"event": "partition fan-out exceeded"}
    assert parted.call("GET", "/eventLogs", params=params).json()["total_entries"] == 1


def test_run_by_hand_is_about_the_partition_it_is_given(parted: Cell) -> None:
    made = parted.call("POST", RUNS, json={"logical_date": None, "partition_key": "2024-03-13"}).json()
    assert (made["partition_key"], made["partition_date"]) == ("2024-03-13", "2024-03-13T04:00:00Z")
    made = parted.call("POST", RUNS, json={"logical_date": None}).json()
    assert (made["partition_key"], made["partition_date"]) == (None, None)
    for dag_id, key in (("days", "tomorrow"), ("days", " "), ("demo", "us"), ("by_region", "k" * 251)):
        refused = parted.call(
            "POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "partition_key": key}
        )
        assert refused.status_code == 400 and refused.json()["detail"].startswith("cannot")


def test_runs_are_found_by_their_partition(parted: Cell) -> None:
    assert keys(parted, order_by="-partition_date") == ["2024-03-11", "2024-03-10", "2024-03-09"]
    assert keys(parted, partition_key_pattern="03-1", order_by="partition_date") == [
        "2024-03-10",
        "2024-03-11",
    ]
    assert keys(parted, partition_key_prefix_pattern="2024-03-09|2024") == []
    # New York's days: the 10th ends at 4 o'clock of UTC, which is where the 11th begins
    assert keys(parted, partition_date_gte="2024-03-10", partition_date_lte="2024-03-10") == ["2024-03-10"]
    assert keys(parted, partition_date_gte="2024-03-11") == ["2024-03-11"]
    for path in ("/dags/~/dagRuns", "/dags/demo/dagRuns"):
        assert parted.call("GET", path, params={"partition_date_lte": "2024-03-10"}).status_code == 400
    assert parted.call("GET", RUNS, params={"partition_date_lte": "soon"}).status_code == 422


def test_runs_are_cleared_by_their_partition(parted: Cell) -> None:
    path = "/dags/days/clearDagRuns"
    window = {"partition_date_start": "2024-03-10T00:00:00", "partition_date_end": "2024-03-11T00:00:00"}
    assert parted.call("POST", path, json=window).json()["total_entries"] == 2, "a dry run: two tasks"
    done = parted.call("POST", path, json={"partition_key": "2024-03-09", "dry_run": False}).json()
    assert [run["dag_run_id"] for run in done["dag_runs"]] == ["r9"]
    assert parted.call("POST", "/dags/~/clearDagRuns", json=window).status_code == 400
    both = {**window, "partition_key": "2024-03-09"}
    reverse = {"partition_date_start": "2024-03-11", "partition_date_end": "2024-03-10"}
    for wrong in (both, {}, reverse, {**window, "dag_runs": [{"dag_run_id": "r9"}]}):
        assert parted.call("POST", path, json=wrong).status_code == 422


def test_partition_is_taken_off_runs(parted: Cell) -> None:
    path = "/dags/days/clearPartitions"
    tried = parted.call("POST", path, json={"run_id": "r9", "clear_task_instances": True}).json()
    assert tried == {"dag_runs_cleared": 1, "task_instances_cleared": 1, "dry_run": True}
    done = parted.call("POST", path, json={"partition_date_start": "2024-03-10T00:00:00Z", "dry_run": False})
    assert done.json() == {"dag_runs_cleared": 2, "task_instances_cleared": 0, "dry_run": False}
    assert isinstance(parted.scheduler.events[-1], RunChanged)
    assert keys(parted, order_by="run_id") == [None, None, "2024-03-09"]
    again = parted.call("POST", path, json={"run_id": "r10", "clear_task_instances": True, "dry_run": False})
    assert again.json() == {"dag_runs_cleared": 0, "task_instances_cleared": 1, "dry_run": False}
    assert parted.call("POST", path, json={"run_id": "none"}).json()["dag_runs_cleared"] == 0
    assert parted.call("POST", path, json={}).status_code == 422
    assert parted.call("POST", "/dags/none/clearPartitions", json={"run_id": "r"}).status_code == 404
    assert parted.call("POST", path, "Viewer", json={"run_id": "r9"}).status_code == 403
