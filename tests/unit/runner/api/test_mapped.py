"""Mapped tasks through REST v2: one instance by its index, or all of them."""

from __future__ import annotations

import pytest

from runner.api.execution.asking import Question
from runner.api.execution.xcoms import set_xcom
from runner.events import RunChanged
from runner.scheduler.questions import AttemptInfo
from runner.store.unfinished import list_lengths, load_runs

TIS = "/dags/m/dagRuns/r/taskInstances"
THREE = {"arguments": ["x"], "lengths": [{"literal": 3}]}


@pytest.fixture
def mapped(cell):
    """A mapped task m, a mapped group g of a and b, and z that is not mapped."""
    tasks = [
        {"task_id": "m", "mapped": THREE},
        {"task_id": "g.a", "group": "g"},
        {"task_id": "g.b", "group": "g", "upstream": ["g.a"]},
        {"task_id": "z", "upstream": ["m", "g.b"]},
    ]
    cell.put_dag("m", tasks, task_groups={"g": {"parent": None, "mapped": THREE}})
    cell.put_run("m", "r")
    return cell


def indexes(answer, task_id: str) -> list[int]:
    found = [t["map_index"] for t in answer.json()["task_instances"] if t["task_id"] == task_id]
    return sorted(found)


def states(cell) -> dict[tuple[str, int], str | None]:
    rows = cell.call("GET", TIS).json()["task_instances"]
    return {(row["task_id"], row["map_index"]): row["state"] for row in rows}


def test_every_instance_is_listed_with_its_index(mapped):
    answer = mapped.call("GET", TIS)
    assert answer.json()["total_entries"] == 10
    assert [indexes(answer, name) for name in ("m", "g.a", "g.b", "z")] == [[0, 1, 2]] * 3 + [[-1]]
    assert indexes(mapped.call("GET", f"{TIS}?map_index=1"), "m") == [1]
    assert indexes(mapped.call("GET", f"{TIS}/g.b/listMapped?order_by=-map_index"), "g.b") == [0, 1, 2]


def test_list_of_a_task_that_is_not_mapped_is_refused(mapped):
    for name in ("z", "nothing"):
        assert mapped.call("GET", f"{TIS}/{name}/listMapped").status_code == 404


def test_one_instance_is_read_by_its_index(mapped):
    assert mapped.call("GET", f"{TIS}/m/2").json()["rendered_map_index"] == "2"
    missing = mapped.call("GET", f"{TIS}/m")
    assert (missing.status_code, "add a map index" in missing.text) == (404, True)
    assert mapped.call("GET", f"{TIS}/m/3").status_code == 404
    assert mapped.call("GET", f"{TIS}/m/1/tries").json()["total_entries"] == 1


def test_label_of_an_instance_is_shown(mapped):
    with mapped.context.db.begin() as conn:
        from runner.store.unfinished import load_instances, set_labels

        key = next(row.id for row in load_instances(conn, 1) if (row.task_id, row.map_index) == ("m", 1))
        set_labels(conn, {key: "Berlin"})
    assert mapped.call("GET", f"{TIS}/m/1").json()["rendered_map_index"] == "Berlin"


def test_one_instance_or_all_are_marked(mapped):
    answer = mapped.call("PATCH", f"{TIS}/m/1", json={"new_state": "success"})
    assert indexes(answer, "m") == [1]
    assert [states(mapped)["m", i] for i in range(3)] == [None, "success", None]
    answer = mapped.call("PATCH", f"{TIS}/m", json={"new_state": "failed", "note": "all"})
    assert (answer.status_code, indexes(answer, "m")) == (200, [0, 1, 2])
    assert {states(mapped)["m", i] for i in range(3)} == {"failed"}
    assert {mapped.call("GET", f"{TIS}/m/{i}").json()["note"] for i in range(3)} == {"all"}
    assert mapped.scheduler.events == [RunChanged(1), RunChanged(1)]


def test_clearing_one_instance_takes_in_its_own_index_of_the_group(mapped):
    for name in ("m", "g.a", "g.b"):
        mapped.call("PATCH", f"{TIS}/{name}", json={"new_state": "success"})
    mapped.call("PATCH", f"{TIS}/z", json={"new_state": "success"})
    body = {"dag_run_id": "r", "task_ids": [["g.a", 1]], "include_downstream": True, "dry_run": False}
    answer = mapped.call("POST", "/dags/m/clearTaskInstances", json={**body, "only_failed": False})
    found = {(t["task_id"], t["map_index"]) for t in answer.json()["task_instances"]}
    assert found == {("g.a", 1), ("g.b", 1), ("z", -1)}
    assert {at for at, state in states(mapped).items() if state is None} == found


def test_clearing_a_mapped_task_clears_all_of_its_instances(mapped):
    mapped.call("PATCH", f"{TIS}/m", json={"new_state": "failed"})
    body = {"dag_run_id": "r", "task_ids": ["m"], "dry_run": False, "only_failed": False}
    answer = mapped.call("POST", "/dags/m/clearTaskInstances", json=body)
    assert indexes(answer, "m") == [0, 1, 2]


def test_value_is_left_and_read_by_index_with_its_length(mapped):
    for index in (0, 2):
        body = {"key": "return_value", "value": [1] * index, "map_index": index}
        assert mapped.call("POST", f"{TIS}/m/xcomEntries", json=body).status_code == 201
    assert mapped.call("GET", f"{TIS}/m/xcomEntries/return_value?map_index=2").json()["value"] == [1, 1]
    listed = mapped.call("GET", f"{TIS}/m/xcomEntries").json()["xcom_entries"]
    assert sorted(entry["map_index"] for entry in listed) == [0, 2]
    attempt = AttemptInfo("a", 1, 1, "m", "r", "m", 1, 1)
    set_xcom(Question(mapped.context, attempt, {"key": "return_value", "value": "text"}))
    with mapped.context.db.read() as conn:
        assert list_lengths(conn, load_runs(conn)[0], "m", "return_value") == {0: 0, 1: None, 2: 2}


def test_task_says_that_it_is_mapped(mapped):
    found = {
        name: mapped.call("GET", f"/dags/m/tasks/{name}").json()["is_mapped"] for name in ("m", "g.a", "z")
    }
    assert found == {"m": True, "g.a": False, "z": False}
