"""What the API changes: rows first, then the scheduler is told."""

from __future__ import annotations

import pytest

from runner.events import DagsChanged, RunChanged, RunCreated

R1 = "/dags/demo/dagRuns/r1"


def states(cell, run_id: str = "r1") -> dict[str, str | None]:
    found = cell.call("GET", f"/dags/demo/dagRuns/{run_id}/taskInstances").json()["task_instances"]
    return {item["task_id"]: item["state"] for item in found}


def run_state(cell) -> str:
    return cell.call("GET", R1).json()["state"]


def test_trigger_makes_a_queued_run_and_wakes_the_scheduler(demo):
    body = {"dag_run_id": "mine", "logical_date": "2026-01-02T03:04:05Z", "conf": {"a": [1]}, "note": "why"}
    answer = demo.call("POST", "/dags/demo/dagRuns", json=body)
    run = answer.json()
    assert answer.status_code == 200
    assert (run["dag_run_id"], run["state"], run["conf"], run["note"]) == (
        "mine",
        "queued",
        {"a": [1]},
        "why",
    )
    assert (run["triggered_by"], run["triggering_user_name"]) == ("rest_api", "ann")
    assert run["data_interval_start"] == run["data_interval_end"] == "2026-01-02T03:04:05Z"
    assert [type(event) for event in demo.scheduler.events] == [RunCreated]
    assert states(demo, "mine") == {"a": None, "b": None, "c": None}


def test_trigger_without_anything_makes_its_own_id_each_time(demo):
    ids = {demo.call("POST", "/dags/demo/dagRuns", json={}).json()["dag_run_id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(run_id.startswith("manual__") for run_id in ids)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"dag_run_id": "r1"}, 409),
        ({"dag_run_id": "x", "logical_date": "2026-05-28T20:25:40Z"}, 409),
        ({"dag_run_id": "a/b"}, 400),
        ({"dag_run_id": ""}, 422),
        ({"logical_date": "yesterday"}, 422),
        ({"logical_date": "2026-01-01T00:00:00"}, 422),
        ({"logical_date": "0001-01-01T00:00:00+23:59"}, 400),
        ({"conf": []}, 422),
        ({"unknown": 1}, 422),
        ({"data_interval_start": "2026-01-01T00:00:00Z"}, 422),
        ({"note": "x" * 1001}, 422),
        ([], 422),
    ],
)
def test_trigger_refuses_what_cannot_be_and_makes_nothing(demo, body, status):
    answer = demo.call("POST", "/dags/demo/dagRuns", json=body)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert {"type", "loc", "msg", "input"} <= answer.json()["detail"][0].keys()
        assert answer.json()["detail"][0]["loc"][0] == "body"
    assert demo.call("GET", "/dags/demo/dagRuns").json()["total_entries"] == 1
    assert demo.scheduler.events == []


def test_trigger_checks_conf_against_params(cell):
    schema = {"value": None, "schema": {"type": "integer", "minimum": 3}, "description": None}
    cell.put_dag("p", [], params={"n": schema, "free": {"value": 1, "schema": {}, "description": None}})
    trigger = lambda conf: cell.call("POST", "/dags/p/dagRuns", json={"conf": conf})  # noqa: E731
    assert trigger({}).status_code == 400
    assert "'n'" in trigger({"n": "x"}).json()["detail"]
    assert trigger({"n": 2}).status_code == 400
    assert trigger({"n": 3, "more": True}).json()["conf"] == {"n": 3, "more": True}
    assert cell.call("POST", "/dags/nope/dagRuns", json={}).status_code == 404


def test_pause_is_kept_and_told(demo):
    assert demo.call("PATCH", "/dags/demo?update_mask=is_paused", json={"is_paused": True}).json()[
        "is_paused"
    ]
    assert demo.call("GET", "/dags?paused=true").json()["total_entries"] == 1
    assert demo.scheduler.events == [DagsChanged()]
    assert demo.call("PATCH", "/dags/demo?update_mask=tags", json={"is_paused": True}).status_code == 400
    assert demo.call("PATCH", "/dags/demo", json={"is_paused": "maybe"}).status_code == 422


def test_clear_defaults_to_a_dry_run_of_what_failed(demo):
    answer = demo.call("POST", "/dags/demo/clearTaskInstances", json={"dag_run_id": "r1"}).json()
    assert [item["task_id"] for item in answer["task_instances"]] == ["b", "c"]
    assert states(demo) == {"a": "success", "b": "failed", "c": "upstream_failed"}
    demo.call("POST", "/dags/demo/clearTaskInstances", json={"dag_run_id": "r1", "dry_run": False})
    assert states(demo) == {"a": "success", "b": None, "c": None}
    assert run_state(demo) == "queued"
    assert [type(event) for event in demo.scheduler.events] == [RunChanged]
    tries = demo.call("GET", f"{R1}/taskInstances/b/tries").json()["task_instances"]
    assert [item["state"] for item in tries] == ["failed"]
    assert demo.call("GET", f"{R1}/taskInstances/b").json()["max_tries"] == 3  # one done, three more


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"task_ids": ["a"], "include_downstream": True}, ["a", "b", "c"]),
        ({"task_ids": ["c"], "include_upstream": True}, ["a", "b", "c"]),
        ({"task_ids": ["b"]}, ["b"]),
        ({"task_ids": [["b", -1]]}, ["b"]),
        ({"task_ids": [["b", 0]]}, []),
        ({"only_failed": True}, ["b", "c"]),
        ({"only_running": True}, []),
    ],
)
def test_clear_takes_what_was_asked_for(demo, more, expected):
    body = {"dag_run_id": "r1", "only_failed": False, **more}
    answer = demo.call("POST", "/dags/demo/clearTaskInstances", json=body)
    assert [item["task_id"] for item in answer.json()["task_instances"]] == expected


def test_clear_of_a_run_starts_all_of_it_again(demo):
    listed = demo.call("POST", f"{R1}/clear", json={}).json()
    assert listed["total_entries"] == 3
    assert demo.call("POST", f"{R1}/clear", json={"dry_run": False}).json()["state"] == "queued"
    assert set(states(demo).values()) == {None}


def test_marking_a_task_well_lets_what_it_held_back_run(demo):
    answer = demo.call("PATCH", f"{R1}/taskInstances/b", json={"new_state": "success", "note": "by hand"})
    assert answer.status_code == 200, answer.text
    assert [item["note"] for item in answer.json()["task_instances"]] == ["by hand"]
    assert states(demo) == {"a": "success", "b": "success", "c": None}
    assert run_state(demo) == "queued"


def test_marking_dry_run_changes_nothing(demo):
    body = {"new_state": "success", "include_downstream": True}
    answer = demo.call("PATCH", f"{R1}/taskInstances/b/dry_run", json=body).json()
    assert [item["task_id"] for item in answer["task_instances"]] == ["b", "c"]
    assert states(demo)["b"] == "failed"


def test_run_state_by_hand_takes_its_tasks_along(demo):
    before = states(demo)
    assert demo.call("PATCH", R1, json={"state": "success"}).json()["state"] == "success"
    assert states(demo) == before, "as in 3.3.2, what is over stays as it is"
    assert demo.call("PATCH", R1, json={"note": "n"}).json()["note"] == "n"
    assert demo.call("PATCH", R1, json={"state": "queued"}).json()["state"] == "queued"
    assert demo.call("PATCH", R1, json={"state": "running"}).status_code == 422


def test_delete_takes_the_history_along(demo):
    assert demo.call("DELETE", R1).status_code == 204
    assert demo.call("GET", R1).status_code == 404
    assert demo.call("DELETE", "/dags/demo").status_code == 204
    assert demo.call("GET", "/dags/demo").status_code == 404
    assert demo.call("DELETE", "/dags/demo").status_code == 404


def test_xcom_entry_lives_from_post_to_delete(demo):
    path = f"{R1}/taskInstances/a/xcomEntries"
    value = {"a": [1, None, "é"], "big": 2**80}
    assert demo.call("POST", path, json={"key": "k/1", "value": value}).status_code == 201
    assert demo.call("POST", path, json={"key": "k/1", "value": 1}).status_code == 409
    assert demo.call("GET", f"{path}/k/1").json()["value"]["a"] == [1, None, "é"]
    listed = demo.call("GET", path).json()
    assert [entry["key"] for entry in listed["xcom_entries"]] == ["k/1"]
    assert "value" not in listed["xcom_entries"][0]
    assert demo.call("PATCH", f"{path}/k/1", json={"value": "new"}).json()["value"] == "new"
    assert demo.call("GET", "/dags/~/dagRuns/~/taskInstances/~/xcomEntries").json()["total_entries"] == 1
    assert demo.call("DELETE", f"{path}/k/1").status_code == 204
    assert demo.call("GET", f"{path}/k/1").status_code == 404
    assert (
        demo.call("POST", f"{R1}/taskInstances/nope/xcomEntries", json={"key": "k", "value": 1}).status_code
        == 404
    )
