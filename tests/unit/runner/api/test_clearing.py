"""Clearing onto the newest version, many runs at once, groups; and what of it all is in the event log."""

from __future__ import annotations

from tests.unit.runner.api.conftest import NOW, Cell

R1 = "/dags/demo/dagRuns/r1"


def states(cell: Cell, run: str = R1) -> dict[str, str | None]:
    found = cell.call("GET", f"{run}/taskInstances").json()["task_instances"]
    return {item["task_id"]: item["state"] for item in found}


def change_demo(cell: Cell) -> None:
    """The newest version has lost c, and has d."""
    tasks = [
        {"task_id": "a", "upstream": []},
        {"task_id": "b", "upstream": ["a"], "pool": "narrow", "retries": 5},
        {"task_id": "d", "upstream": ["b"]},
    ]
    cell.put_dag("demo", tasks)


def test_run_that_is_cleared_runs_the_newest_version_unless_its_own_is_asked_for(demo: Cell) -> None:
    change_demo(demo)
    body = {"dry_run": False, "run_on_latest_version": False}
    assert demo.call("POST", f"{R1}/clear", json=body).json()["state"] == "queued"
    assert set(states(demo)) == {"a", "b", "c"}
    assert demo.call("POST", f"{R1}/clear", json={"dry_run": False}).json()["state"] == "queued"
    assert states(demo) == {"a": None, "b": None, "c": "removed", "d": None}
    task = demo.call("GET", f"{R1}/taskInstances/b").json()
    assert (task["pool"], task["max_tries"]) == ("narrow", 6)


def test_only_new_tasks_run_and_the_others_stay(demo: Cell) -> None:
    change_demo(demo)
    dry = demo.call("POST", f"{R1}/clear", json={"only_new": True}).json()
    assert dry == {"task_instances": [{"task_id": "d", "task_display_name": "d"}], "total_entries": 1}
    assert demo.call("POST", f"{R1}/clear", json={"only_new": True, "dry_run": False}).status_code == 200
    assert states(demo) == {"a": "success", "b": "failed", "c": "removed", "d": None}
    assert demo.call("GET", R1).json()["state"] == "queued"
    both = {"only_new": True, "only_failed": True}
    assert demo.call("POST", f"{R1}/clear", json=both).status_code == 422


def test_task_that_comes_back_begins_anew(demo: Cell) -> None:
    change_demo(demo)
    body = {"dry_run": False, "run_on_latest_version": True}
    demo.call("POST", f"{R1}/clear", json=body)
    demo.put_dag("demo", [{"task_id": name, "upstream": []} for name in "abc"])
    demo.call("POST", f"{R1}/clear", json=body)
    assert states(demo) == {"a": None, "b": None, "c": None, "d": "removed"}


def test_many_runs_are_cleared_together_or_not_at_all(demo: Cell) -> None:
    demo.put_run("demo", "r2", NOW)
    runs = [{"dag_run_id": "r1"}, {"dag_run_id": "r2", "dag_id": "demo"}]
    path = "/dags/demo/clearDagRuns"
    assert demo.call("POST", path, json={"dag_runs": runs}).json()["total_entries"] == 6, "a dry run"
    found = demo.call("POST", path, json={"dag_runs": [*runs, {"dag_run_id": "r3"}], "dry_run": False})
    assert (found.status_code, demo.call("GET", R1).json()["state"]) == (404, "failed")
    found = demo.call("POST", path, json={"dag_runs": runs, "dry_run": False}).json()
    assert [run["state"] for run in found["dag_runs"]] == ["queued", "queued"]
    wrong = {"dag_runs": [{"dag_run_id": "r1", "dag_id": "other"}]}
    assert demo.call("POST", path, json=wrong).status_code == 400
    assert (
        demo.call("POST", "/dags/~/clearDagRuns", json={"dag_runs": [{"dag_run_id": "r1"}]}).status_code
        == 400
    )


def test_cleared_tasks_of_a_finished_run_wait_when_the_run_is_not_reset(demo: Cell) -> None:
    body = {"dry_run": False, "reset_dag_runs": False, "task_ids": ["b"], "dag_run_id": "r1"}
    assert demo.call("POST", "/dags/demo/clearTaskInstances", json=body).json()["total_entries"] == 1
    assert (demo.call("GET", R1).json()["state"], states(demo)["b"]) == ("failed", None)


def test_group_is_marked_with_the_groups_inside_it(demo: Cell) -> None:
    groups = {"g": {"parent": None}, "h": {"parent": "g"}}
    tasks = [
        {"task_id": "first", "upstream": []},
        {"task_id": "g.x", "upstream": ["first"], "group": "g"},
        {"task_id": "h.y", "upstream": ["g.x"], "group": "h"},
    ]
    demo.put_dag("grouped", tasks, task_groups=groups)
    demo.put_run("grouped", "r1")
    path, run = "/dags/grouped/dagRuns/r1/taskGroupInstances", "/dags/grouped/dagRuns/r1"
    dry = demo.call("PATCH", f"{path}/g/dry_run", json={"new_state": "success"}).json()
    assert {item["task_id"] for item in dry["task_instances"]} == {"g.x", "h.y"}
    assert set(states(demo, run).values()) == {None}
    assert demo.call("PATCH", f"{path}/g", json={"new_state": "success"}).json()["total_entries"] == 2
    assert states(demo, run) == {"first": None, "g.x": "success", "h.y": "success"}
    assert demo.call("PATCH", f"{path}/nope", json={"new_state": "success"}).status_code == 404


def test_run_with_a_teardown_goes_on_when_it_is_marked(demo: Cell) -> None:
    tasks = [
        {"task_id": "work", "upstream": []},
        {
            "task_id": "clean",
            "upstream": ["work"],
            "is_teardown": True,
            "trigger_rule": "all_done_setup_success",
        },
    ]
    demo.put_dag("torn", tasks)
    demo.put_run("torn", "r1")
    run = "/dags/torn/dagRuns/r1"
    assert demo.call("PATCH", run, json={"state": "failed"}).json()["state"] == "queued"
    assert states(demo, run) == {"work": "skipped", "clean": None}


def test_every_action_of_a_person_is_in_the_event_log(demo: Cell) -> None:
    demo.call("PATCH", "/dags/demo", json={"is_paused": True})
    demo.call("POST", f"{R1}/clear", json={"dry_run": False})
    demo.call("POST", f"{R1}/clear", json={"dry_run": True})
    demo.call("POST", "/variables", json={"key": "v", "value": "hidden"})
    secret = {"connection_id": "c", "conn_type": "http", "password": "hidden", "extra": '{"k": "hidden"}'}
    demo.call("POST", "/connections", json=secret)
    demo.call("POST", "/pools", json={"name": "p", "slots": 1})
    assert demo.call("POST", "/pools", json={"name": "p", "slots": 1}).status_code == 409
    found = demo.call("GET", "/eventLogs").json()["event_logs"]
    names = ["patch_dag", "clear_dag_run", "post_variable", "post_connection", "post_pool"]
    assert [(entry["event"], entry["owner"]) for entry in found] == [(name, "ann") for name in names]
    assert (found[1]["dag_id"], found[1]["run_id"]) == ("demo", "r1")
    assert "hidden" not in demo.call("GET", "/eventLogs").text
    one = demo.call("GET", "/eventLogs", params={"event": "post_pool", "dag_id_pattern": "~"}).json()
    assert one["total_entries"] == 1
    first = found[0]["event_log_id"]
    assert demo.call("GET", f"/eventLogs/{first}").json() == found[0]
    assert demo.call("GET", "/eventLogs/999").status_code == 404
    assert demo.call("GET", "/eventLogs", role="Viewer").status_code == 403


def test_dag_warnings_name_pools_that_are_not_there(demo: Cell) -> None:
    change_demo(demo)
    found = demo.call("GET", "/dagWarnings", params={"dag_id": "demo"}).json()["dag_warnings"]
    assert [item["warning_type"] for item in found] == ["non-existent pool"]
    assert "narrow" in found[0]["message"]


def test_run_type_that_the_dag_does_not_allow_is_refused(demo: Cell) -> None:
    demo.put_dag("closed", [], allowed_run_types=["scheduled"])
    assert demo.call("POST", "/dags/closed/dagRuns", json={}).status_code == 400
    assert demo.call("GET", "/dags/closed").json()["allowed_run_types"] == ["scheduled"]
