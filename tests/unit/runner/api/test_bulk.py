"""Many entities in one request, and facts about many DAGs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.runner.api.conftest import Cell

ENTITIES: dict[str, tuple[str, dict[str, Any]]] = {
    "/variables": ("key", {"value": "v"}),
    "/connections": ("connection_id", {"conn_type": "http"}),
    "/pools": ("name", {"slots": 1}),
}


def act(cell: Cell, path: str, *actions: dict[str, Any]) -> dict[str, Any]:
    answer = cell.call("PATCH", path, json={"actions": list(actions)})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("path", ENTITIES)
def test_many_are_made_changed_and_deleted_whole_or_not_at_all(cell: Cell, path: str) -> None:
    key, rest = ENTITIES[path]
    one, two, three = ({key: name, **rest} for name in ("one", "two", "three"))
    made = act(cell, path, {"action": "create", "entities": [one, two]})
    assert made == {"create": {"success": ["one", "two"], "errors": []}, "update": None, "delete": None}

    refused = act(
        cell,
        path,
        {"action": "create", "entities": [one, three]},
        {"action": "update", "entities": [{**one, "description": "new"}, three]},
        {"action": "delete", "entities": ["two", "four"]},
    )
    told = {name: [error["status_code"] for error in refused[name]["errors"]] for name in refused}
    assert told == {"create": [409], "update": [404], "delete": [404]}
    assert all(refused[name]["success"] == [] for name in refused)
    assert cell.call("GET", f"{path}/three").status_code == 404
    assert cell.call("GET", f"{path}/one").json()["description"] is None

    done = act(
        cell,
        path,
        {"action": "create", "entities": [one, three], "action_on_existence": "skip"},
        {"action": "update", "entities": [{**one, "description": "new"}]},
        {"action": "delete", "entities": ["two", "four"], "action_on_non_existence": "skip"},
    )
    assert [done[name]["success"] for name in ("create", "update", "delete")] == [["three"], ["one"], ["two"]]
    assert cell.call("GET", f"{path}/one").json()["description"] == "new"
    assert cell.call("GET", f"{path}/two").status_code == 404


def test_update_mask_of_an_action_says_what_may_change(cell: Cell) -> None:
    cell.call("POST", "/variables", json={"key": "k", "value": "old", "description": "old"})
    new = {"key": "k", "value": "new", "description": "new"}
    act(cell, "/variables", {"action": "update", "entities": [new], "update_mask": ["description"]})
    body = cell.call("GET", "/variables/k").json()
    assert (body["value"], body["description"]) == ("old", "new")


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, ["body", "actions"]),
        ({"actions": [{"action": "create"}]}, ["body", "actions", 0, "create", "entities"]),
        (
            {"actions": [{"action": "create", "entities": [{"key": "x"}]}]},
            ["body", "actions", 0, "create", "entities", 0, "value"],
        ),
        (
            {"actions": [{"action": "create", "entities": [], "odd": 1}]},
            ["body", "actions", 0, "create", "odd"],
        ),
        ({"actions": [{"action": "odd", "entities": []}]}, ["body", "actions", 0]),
    ],
)
def test_bulk_body_that_does_not_validate_is_named(cell: Cell, body: Any, loc: list[Any]) -> None:
    answer = cell.call("PATCH", "/variables", json=body)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, loc)


def test_bulk_is_for_operators_and_leaves_no_value_in_the_event_log(cell: Cell) -> None:
    actions = {"actions": [{"action": "create", "entities": [{"key": "k", "value": "hush"}]}]}
    assert cell.call("PATCH", "/variables", role="User", json=actions).status_code == 403
    assert cell.call("PATCH", "/variables", role="Op", json=actions).status_code == 200
    (entry,) = cell.call("GET", "/eventLogs").json()["event_logs"]
    assert (entry["event"], "hush" in entry["extra"]) == ("bulk_variables", False)


def test_default_pool_stays(cell: Cell) -> None:
    answer = act(cell, "/pools", {"action": "delete", "entities": ["default_pool"]})
    assert [error["status_code"] for error in answer["delete"]["errors"]] == [400]
    assert cell.call("GET", "/pools/default_pool").status_code in (200, 404)
    assert cell.call("GET", "/pools").json()["total_entries"] == 1


def test_many_dags_are_paused_by_their_ids(demo: Cell) -> None:
    demo.put_dag("other", [{"task_id": "t", "upstream": []}])
    none = demo.call("PATCH", "/dags", json={"is_paused": True}).json()
    assert none == {"dags": [], "total_entries": 0}
    answer = demo.call("PATCH", "/dags?dag_id_pattern=oth", json={"is_paused": True}).json()
    assert [(dag["dag_id"], dag["is_paused"]) for dag in answer["dags"]] == [("other", True)]
    assert demo.call("GET", "/dags/demo").json()["is_paused"] is False
    everything = demo.call("PATCH", "/dags?dag_id_pattern=~&tags=x", json={"is_paused": True}).json()
    assert [dag["dag_id"] for dag in everything["dags"]] == ["demo"]
    assert (
        demo.call("PATCH", "/dags?dag_id_pattern=~&update_mask=x", json={"is_paused": True}).status_code
        == 400
    )
    assert demo.call("PATCH", "/dags?dag_id_pattern=~", role="Viewer", json={}).status_code == 403


def test_runs_of_dags_are_counted_by_state(demo: Cell) -> None:
    demo.put_dag("idle", [{"task_id": "t", "upstream": []}])
    demo.put_run("demo", "r2")
    body = demo.call("GET", "/dagStats").json()
    counts = {"queued": 1, "running": 0, "success": 0, "failed": 1}
    stats = [{"state": state, "count": count} for state, count in counts.items()]
    assert body == {
        "dags": [{"dag_id": "demo", "dag_display_name": "demo", "stats": stats}],
        "total_entries": 1,
    }
    assert demo.call("GET", "/dagStats?dag_ids=idle&dag_ids=nope").json()["total_entries"] == 0


def test_tags_are_listed_once(demo: Cell) -> None:
    demo.put_dag("other", [{"task_id": "t", "upstream": []}], tags=["y", "z"])
    assert demo.call("GET", "/dagTags").json() == {"tags": ["x", "y", "z"], "total_entries": 3}
    assert demo.call("GET", "/dagTags?order_by=-name&limit=2&offset=1").json()["tags"] == ["y", "x"]
    assert demo.call("GET", "/dagTags?tag_name_pattern=Z").json() == {"tags": ["z"], "total_entries": 1}
    assert demo.call("GET", "/dagTags?order_by=odd").status_code == 400


def test_logs_have_no_other_address(demo: Cell) -> None:
    tasks = "/dags/demo/dagRuns/r1/taskInstances"
    assert demo.call("GET", f"{tasks}/a/externalLogUrl/1").status_code == 400
    assert demo.call("GET", f"{tasks}/nope/externalLogUrl/1").status_code == 404
    assert demo.call("GET", "/plugins/importErrors").json() == {"import_errors": [], "total_entries": 0}
