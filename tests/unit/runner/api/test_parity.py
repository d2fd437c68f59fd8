"""Small things in which clients of Airflow 3.3.2 would notice that it is not Airflow that answers."""

from __future__ import annotations

from typing import Any

import pytest

from runner.store.schema import task_instance
from tests.unit.runner.api.conftest import Cell

RUNS = "/dags/demo/dagRuns"
A = f"{RUNS}/r1/taskInstances/a"
CLEAR = "/dags/demo/clearTaskInstances"


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["task_id"] for row in answer.json()["task_instances"]]


@pytest.mark.parametrize("path", [RUNS, f"{RUNS}/~/taskInstances"])
def test_list_is_read_to_its_end_and_back_by_cursor(demo: Cell, path: str) -> None:
    for number in range(2):
        demo.put_run("demo", f"more{number}")
    plain = demo.call("GET", path).json()
    (key,) = [name for name, value in plain.items() if isinstance(value, list)]
    assert (plain["next_cursor"], plain["previous_cursor"], plain["total_entries_limit"]) == (
        None,
        None,
        None,
    )
    found, cursor, before = [], "", None
    while cursor is not None:
        page = demo.call("GET", path, params={"cursor": cursor, "limit": 2}).json()
        found += page[key]
        before = before or page["previous_cursor"]
        cursor = page["next_cursor"]
    assert found == plain[key]
    first = demo.call("GET", path, params={"cursor": before, "limit": 2}).json()
    assert (first[key], first["previous_cursor"]) == (plain[key][:2], None)
    assert demo.call("GET", path, params={"cursor": "zzz"}).status_code == 400


def test_batch_lists_are_of_all_dags_and_runs(demo: Cell) -> None:
    answer = demo.call("POST", f"{RUNS}/~/taskInstances/list", json={})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["path", "dag_id"])
    assert demo.call("POST", f"{RUNS}/list", json={}).status_code == 422
    assert demo.call("POST", "/dags/~/dagRuns/list", json={}).status_code == 200


@pytest.mark.parametrize("run_id", ["scheduled__x", "backfill__2024", "asset_triggered__1"])
def test_manual_run_cannot_have_the_id_of_another_kind(demo: Cell, run_id: str) -> None:
    answer = demo.call("POST", RUNS, json={"logical_date": None, "dag_run_id": run_id})
    assert (answer.status_code, run_id in answer.json()["detail"]) == (400, True)
    kept = {"logical_date": None, "dag_run_id": "manual__mine"}
    assert demo.call("POST", RUNS, json=kept).status_code == 200


def test_variable_keeps_the_description_that_a_patch_does_not_send(demo: Cell) -> None:
    demo.call("POST", "/variables", json={"key": "k", "value": "1", "description": "d"})
    path = "/variables/k"
    assert demo.call("PATCH", path, json={"key": "k", "value": "2"}).json()["description"] == "d"
    told = demo.call("PATCH", path, json={"key": "k", "value": "2", "description": None})
    assert told.json()["description"] is None


def test_update_mask_changes_nothing_by_a_name_that_is_none(demo: Cell) -> None:
    demo.call("POST", "/variables", json={"key": "k", "value": "1"})
    answer = demo.call("PATCH", "/variables/k?update_mask=odd", json={"key": "k", "value": "2"})
    assert (answer.status_code, answer.json()["value"]) == (200, "1")
    run = demo.call("PATCH", f"{RUNS}/r1?update_mask=odd", json={"note": "x", "state": "success"})
    assert (run.status_code, run.json()["note"], run.json()["state"]) == (200, None, "failed")
    assert demo.call("PATCH", f"{A}?update_mask=odd", json={"note": "x"}).status_code == 200
    assert demo.call("GET", A).json()["note"] is None
    assert demo.call("PATCH", "/dags/demo?update_mask=odd", json={"is_paused": True}).status_code == 400


@pytest.mark.parametrize("extra", ["no json", "[1]", "5"])
def test_extra_of_a_connection_is_a_json_object(demo: Cell, extra: str) -> None:
    body = {"connection_id": "c", "conn_type": "http"}
    answer = demo.call("POST", "/connections", json=body | {"extra": extra})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "extra"])
    assert demo.call("POST", "/connections", json=body | {"extra": "", "port": 99999}).json()["extra"] == "{}"
    kept = demo.call("PATCH", "/connections/c", json=body | {"extra": "***"})
    assert (kept.status_code, kept.json()["extra"]) == (200, "{}")


def test_pool_may_be_named_as_a_patch_names_it(demo: Cell) -> None:
    answer = demo.call("POST", "/pools", json={"pool": "p", "slots": 1})
    assert (answer.status_code, answer.json()["name"]) == (201, "p")


def test_clearing_takes_what_failed_and_what_runs_together(demo: Cell) -> None:
    with demo.context.db.begin() as conn:
        is_a = task_instance.c.task_id == "a"
        conn.execute(task_instance.update().where(is_a).values(state="running", attempt="x", end_date=None))
    chosen = demo.call("POST", CLEAR, json={"dag_run_id": "r1", "only_running": True})
    assert names(chosen) == ["a", "b", "c"]


def test_clearing_a_task_that_is_not_there_clears_nothing(demo: Cell) -> None:
    assert names(demo.call("POST", CLEAR, json={"dag_run_id": "r1", "task_ids": ["nope"]})) == []
    turned = {"start_date": "2024-02-02T00:00:00Z", "end_date": "2024-02-01T00:00:00Z"}
    assert demo.call("POST", CLEAR, json=turned).status_code == 422


def test_trying_a_state_shows_only_what_would_change(demo: Cell) -> None:
    assert names(demo.call("PATCH", f"{A}/dry_run", json={"new_state": "success"})) == []
    assert names(demo.call("PATCH", f"{A}/dry_run", json={"new_state": "failed"})) == ["a"]
    assert names(demo.call("PATCH", f"{A}/dry_run", json={})) == ["a"]
    empty = demo.call("PATCH", f"{A}/dry_run", json={"new_state": None})
    assert (empty.status_code, empty.json()["detail"][0]["loc"]) == (422, ["body", "new_state"])


def test_task_that_never_began_has_its_one_try(demo: Cell) -> None:
    body = demo.call("GET", f"{RUNS}/r1/taskInstances/c/tries").json()
    tries = [(item["try_number"], item["state"]) for item in body["task_instances"]]
    assert tries == [(0, "upstream_failed")]


def test_task_shows_the_dates_of_its_dag_and_where_its_params_are_from(demo: Cell) -> None:
    tasks = [{"task_id": "t", "upstream": []}, {"task_id": "u", "upstream": [], "start_date": "2025-01-01"}]
    dates = {"start_date": "2024-01-01T00:00:00+00:00", "end_date": "2024-06-01T00:00:00+00:00"}
    demo.put_dag("dated", tasks, **dates, params={"n": 3})
    first, second = demo.call("GET", "/dags/dated/tasks").json()["tasks"]
    assert (first["start_date"], first["end_date"]) == ("2024-01-01T00:00:00Z", "2024-06-01T00:00:00Z")
    assert (second["start_date"], second["end_date"]) == ("2025-01-01T00:00:00Z", "2024-06-01T00:00:00Z")
    assert first["params"]["n"] == {"value": 3, "schema": {}, "description": None, "source": "dag"}
