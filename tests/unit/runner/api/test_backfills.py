"""Backfills over REST: what is made, what is refused, and who is told."""

from __future__ import annotations

import pytest

from tests.unit.runner.api.conftest import NOW, Cell
from tests.unit.runner.api.test_assets import answer_when_asked

DAY = 86400.0
FIRST = NOW - NOW % DAY - 5 * DAY
"""Midnight, five days ago."""


def iso(at: float) -> str:
    import datetime as dt

    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat()


def ask(cell: Cell, path: str = "/backfills", **more: object):
    body = {"dag_id": "daily", "from_date": iso(FIRST), "to_date": iso(FIRST + 2 * DAY), **more}
    return cell.call("POST", path, json=body)


@pytest.fixture
def daily(cell: Cell) -> Cell:
    """A daily DAG, the second day of which has been run and failed."""
    timetable = {"kind": "cron", "expression": "0 0 * * *", "timezone": "UTC", "interval": True}
    cell.put_dag("daily", [{"task_id": "a", "upstream": []}], timetable=timetable)
    day = FIRST + DAY
    key = cell.put_run("daily", "old", day, interval_start=day, interval_end=day + DAY, run_type="scheduled")
    cell.set_task(key, "a", state="failed", try_number=1, end_date=NOW)
    assert cell.call("PATCH", "/dags/daily/dagRuns/old", json={"state": "failed"}).status_code == 200
    return cell


def runs(cell: Cell) -> dict[str, tuple[str, str]]:
    found = cell.call("GET", "/dags/daily/dagRuns").json()["dag_runs"]
    return {run["dag_run_id"]: (run["run_type"], run["state"]) for run in found}


def test_backfill_makes_the_runs_that_are_not_there(daily: Cell) -> None:
    made = ask(daily, max_active_runs=2, dag_run_conf={"x": 1}).json()
    assert (made["dag_id"], made["max_active_runs"], made["is_paused"]) == ("daily", 2, False)
    assert (made["dag_run_conf"], made["completed_at"]) == ({"x": 1}, None)
    name = f"backfill__{iso(FIRST)}"
    assert runs(daily) == {
        "old": ("scheduled", "failed"),
        name: ("backfill", "queued"),
        f"backfill__{iso(FIRST + 2 * DAY)}": ("backfill", "queued"),
    }
    run = daily.call("GET", f"/dags/daily/dagRuns/{name}").json()
    assert (run["triggered_by"], run["triggering_user_name"], run["conf"]) == ("backfill", "ann", {"x": 1})
    assert len([event for event in daily.scheduler.events if type(event).__name__ == "RunCreated"]) == 2
    listed = daily.call("GET", "/backfills", params={"dag_id": "daily"}).json()
    assert (listed["total_entries"], listed["backfills"]) == (1, [made])
    assert ask(daily).status_code == 409


def test_timetable_of_a_users_own_is_asked_for_the_runs(cell: Cell) -> None:
    cell.put_dag(
        "daily",
        [{"task_id": "a", "upstream": []}],
        timetable={"kind": "custom", "classpath": "m.T", "data": {}},
    )
    days = [FIRST + n * DAY for n in (0, 2, 3)]
    found = [{"run_after": day + DAY, "start": day, "end": day + DAY} for day in days]
    answer_when_asked(cell, {"runs": found}, None)
    body = ask(cell, "/backfills/dry_run").json()
    assert [item["logical_date"][:10] for item in body["backfills"]] == [iso(day)[:10] for day in days[:2]]
    cell.scheduler.events.clear()
    answer_when_asked(cell, {"runs": found[::-1]}, None)
    assert ask(cell).status_code == 422
    cell.scheduler.events.clear()
    answer_when_asked(cell, {"runs": found}, None)
    assert ask(cell).status_code == 200
    assert {state for _kind, state in runs(cell).values()} == {"queued"} and len(runs(cell)) == 2


@pytest.mark.parametrize(("behavior", "again"), [("none", False), ("failed", True), ("completed", True)])
def test_run_that_is_there_begins_again_only_as_asked(daily: Cell, behavior: str, again: bool) -> None:
    dry = ask(daily, "/backfills/dry_run", reprocess_behavior=behavior).json()
    assert dry["total_entries"] == 2 + again
    assert runs(daily)["old"] == ("scheduled", "failed"), "a dry run changes nothing"
    assert ask(daily, reprocess_behavior=behavior, dag_run_conf={"y": 2}).status_code == 200
    assert runs(daily)["old"] == (("backfill", "queued") if again else ("scheduled", "failed"))
    task = daily.call("GET", "/dags/daily/dagRuns/old/taskInstances/a").json()
    assert task["state"] == (None if again else "failed")


def test_cancel_fails_what_waits_and_ends_the_backfill(daily: Cell) -> None:
    key = ask(daily).json()["id"]
    assert daily.call("PUT", f"/backfills/{key}/pause").json()["is_paused"] is True
    assert daily.call("PUT", f"/backfills/{key}/unpause").json()["is_paused"] is False
    ended = daily.call("PUT", f"/backfills/{key}/cancel").json()
    assert ended["completed_at"] is not None
    assert {state for kind, state in runs(daily).values() if kind == "backfill"} == {"failed"}
    for word in ("pause", "unpause", "cancel"):
        assert daily.call("PUT", f"/backfills/{key}/{word}").status_code == 409
    assert daily.call("GET", "/backfills/999").status_code == 404
    assert ask(daily, reprocess_behavior="completed").status_code == 200, "another may follow"


def test_backfill_is_complete_with_its_last_run(daily: Cell) -> None:
    key = ask(daily).json()["id"]
    for name in [name for name, (kind, _state) in runs(daily).items() if kind == "backfill"]:
        assert daily.call("GET", f"/backfills/{key}").json()["completed_at"] is None
        daily.call("PATCH", f"/dags/daily/dagRuns/{name}", json={"state": "success"})
    assert daily.call("GET", f"/backfills/{key}").json()["completed_at"] is not None


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"dag_id": "nope"}, 404),
        ({"from_date": iso(NOW + DAY), "to_date": iso(NOW + 2 * DAY)}, 422),
        ({"from_date": iso(FIRST + DAY), "to_date": iso(FIRST)}, 422),
        ({"from_date": iso(FIRST + 60), "to_date": iso(FIRST + 120)}, 422),
        ({"max_active_runs": 0}, 422),
        ({"reprocess_behavior": "maybe"}, 422),
        ({"dag_id": "by_hand"}, 422),
        ({"dag_id": "closed"}, 400),
        ({"dag_id": "past"}, 422),
        ({"dag_id": "past", "run_backwards": True, "reprocess_behavior": "failed"}, 422),
    ],
)
def test_what_cannot_be_backfilled_is_refused(daily: Cell, more: dict[str, object], status: int) -> None:
    timetable = {"kind": "cron", "expression": "0 0 * * *", "timezone": "UTC", "interval": True}
    daily.put_dag("by_hand", [])
    daily.put_dag("closed", [], timetable=timetable, allowed_run_types=["manual"])
    daily.put_dag("past", [{"task_id": "a", "upstream": [], "depends_on_past": True}], timetable=timetable)
    assert ask(daily, **more).status_code == status
    assert daily.call("GET", "/backfills", params={"dag_id": "daily"}).json()["total_entries"] == 0


def test_no_run_is_made_while_a_deadline_of_the_dag_has_no_interval(daily: Cell) -> None:
    fault = "VariableInterval 'patience' not found"
    deadline = {
        "name": "n",
        "number": 0,
        "reference": {"kind": "queued_at"},
        "interval": None,
        "fault": fault,
    }
    before = runs(daily)
    tasks = [{"task_id": "a", "upstream": []}]
    timetable = {"kind": "cron", "expression": "0 0 * * *", "timezone": "UTC", "interval": True}
    daily.put_dag("daily", tasks, timetable=timetable, deadlines=[deadline])
    by_hand = daily.call("POST", "/dags/daily/dagRuns", json={"logical_date": None})
    assert [(found.status_code, found.json()["detail"]) for found in (by_hand, ask(daily))] == [
        (400, fault)
    ] * 2
    assert runs(daily) == before and daily.call("GET", "/backfills?dag_id=daily").json()["total_entries"] == 0
    daily.put_dag("daily", tasks, timetable=timetable, deadlines=[{**deadline, "interval": 60.0}])
    assert daily.call("POST", "/dags/daily/dagRuns", json={"logical_date": None}).status_code == 200
