"""Every documented filter filters, and refuses what it cannot read: as Airflow 3.3.2 answered the same requests."""

from __future__ import annotations

from typing import Any

import pytest

from runner.store.processes import ProcessRow, put_processes
from runner.store.schema import (
    asset,
    asset_event,
    dag_file,
    dag_run,
    dag_run_asset_event,
    task_instance,
)
from runner.store.xcoms import Place, Stored, put_xcom
from tests.unit.runner.api.conftest import BUNDLE, NOW, Cell

TIS = "/dags/~/dagRuns/~/taskInstances"
XCOMS = f"{TIS}/~/xcomEntries"


@pytest.fixture
def shown(demo: Cell) -> Cell:
    """`demo`, and a DAG called 'Big Things' with tasks in a group, one of them mapped, and a queued run."""
    tasks = [
        {"task_id": "g.one", "upstream": [], "group": "g"},
        {"task_id": "two", "upstream": ["g.one"]},
    ]
    groups = {"g": {"parent": None}}
    demo.put_dag("other", tasks, display_name="Big Things", owners=["bob"], task_groups=groups)
    run = demo.put_run("other", "Q_1", triggering_user="bob")
    demo.set_task(run, "g.one", map_index=0, map_index_label="first")
    with demo.context.db.begin() as conn:
        for key in ("b", "a"):
            put_xcom(conn, Place("other", "Q_1", "g.one", 0), key, Stored("1"), NOW)
        put_xcom(conn, Place("demo", "r1", "a", -1), "z", Stored("1"), NOW - 9)
    return demo


def find(cell: Cell, path: str, **query: Any) -> list[str]:
    """What a list has, by the name of each."""
    answer = cell.call("GET", path, params=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    (rows,) = [value for value in body.values() if isinstance(value, list)]
    assert body["total_entries"] == len(rows)
    names = ("key", "task_id", "dag_run_id", "dag_id")
    return [next(row[name] for name in names if name in row) for row in rows]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"has_import_errors": "true"}, []),
        ({"has_import_errors": "false"}, ["demo", "other"]),
        ({"bundle_name": "elsewhere"}, []),
        ({"bundle_name": "dags-folder"}, ["demo", "other"]),
        ({"bundle_version": "x"}, []),
        ({"bundle_version": BUNDLE}, ["demo", "other"]),
        ({"is_favorite": "true"}, []),
        ({"dag_display_name_pattern": "thing"}, ["other"]),
        ({"dag_display_name_pattern": "g%s|zzz"}, ["other"]),
        ({"dag_display_name_prefix_pattern": "Big"}, ["other"]),
        ({"dag_display_name_prefix_pattern": "big"}, []),
        ({"dag_id_prefix_pattern": "DEM"}, []),
        ({"dag_id_prefix_pattern": "dem_"}, ["demo"]),
        ({"dag_run_start_date_gte": "2020-01-01T00:00:00Z"}, ["demo"]),
        ({"dag_run_start_date_gt": "2099-01-01T00:00:00Z"}, []),
        ({"dag_run_end_date_lte": "2099-01-01T00:00:00Z", "dag_run_state": "success"}, []),
        ({"order_by": "-last_run_state"}, ["other", "demo"]),
        ({"tags": ["x", "z"], "tags_match_mode": "any"}, ["demo"]),
    ],
)
def test_dags_are_filtered(shown: Cell, query: dict[str, Any], found: list[str]) -> None:
    assert find(shown, "/dags", **query) == found


def test_dag_whose_file_broke_is_found_by_its_import_error(shown: Cell) -> None:
    with shown.context.db.begin() as conn:
        conn.execute(dag_file.update().where(dag_file.c.path == "demo.py").values(error="boom"))
    assert find(shown, "/dags", has_import_errors="true") == ["demo"]
    assert find(shown, "/dags", has_import_errors="false") == ["other"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "none"}, []),
        ({"triggering_user_name_prefix_pattern": "bo"}, ["Q_1"]),
        ({"triggering_user_name_prefix_pattern": "zz"}, []),
        ({"consuming_asset_pattern": "x"}, []),
        ({"run_id_prefix_pattern": "q"}, []),
        ({"run_id_prefix_pattern": "Q"}, ["Q_1"]),
        ({"logical_date_gte": "0"}, ["r1"]),
        # what has not begun counts as now
        ({"start_date_gte": "2020-01-01T00:00:00Z"}, ["r1", "Q_1"]),
        ({"end_date_lte": "2020-01-01T00:00:00Z"}, []),
    ],
)
def test_runs_are_filtered(shown: Cell, query: dict[str, Any], found: list[str]) -> None:
    assert find(shown, "/dags/~/dagRuns", **query) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["a", "b", "c", "two", "g.one"]),  # by map index, then in the order of their making
        ({"executor": "x"}, []),
        ({"map_index": -5}, []),
        ({"try_number": -1}, []),
        ({"rendered_map_index_pattern": "irs"}, ["g.one"]),
        ({"rendered_map_index_prefix_pattern": "F"}, []),
        ({"start_date_gte": "2020-01-01T00:00:00Z", "dag_id_pattern": "other"}, ["two", "g.one"]),
    ],
)
def test_task_instances_are_filtered(shown: Cell, query: dict[str, Any], found: list[str]) -> None:
    assert find(shown, TIS, **query) == found


def test_mapped_instance_without_a_label_is_found_by_its_index(shown: Cell) -> None:
    with shown.context.db.begin() as conn:
        conn.execute(task_instance.update().values(map_index_label=None))
    assert find(shown, TIS, rendered_map_index_pattern="0") == ["g.one"]


def test_task_instances_of_a_group_are_found(shown: Cell) -> None:
    assert find(shown, "/dags/other/dagRuns/~/taskInstances", task_group_id="g") == ["g.one"]
    both = {"task_group_id": "g", "task_id": "two"}
    assert find(shown, "/dags/other/dagRuns/~/taskInstances", **both) == []
    assert shown.call("GET", "/dags/other/dagRuns/~/taskInstances?task_group_id=h").status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["z", "a", "b"]),  # by their places and keys
        ({"map_index_filter": 0}, ["a", "b"]),
        ({"dag_display_name_pattern": "Things"}, ["a", "b"]),
        ({"dag_display_name_prefix_pattern": "Nothing"}, []),
        ({"run_id_pattern": "q_"}, ["a", "b"]),
        ({"task_id_prefix_pattern": "a"}, ["z"]),
        ({"logical_date_gte": "2020-01-01T00:00:00Z"}, ["z"]),
        ({"run_after_lt": "2020-01-01T00:00:00Z"}, []),
    ],
)
def test_xcoms_are_filtered(shown: Cell, query: dict[str, Any], found: list[str]) -> None:
    assert find(shown, XCOMS, **query) == found


def test_a_task_that_is_not_there_has_no_xcoms(shown: Cell) -> None:
    assert find(shown, "/dags/demo/dagRuns/r1/taskInstances/nope/xcomEntries") == []


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/dags/~/dagRuns?state=done", "Invalid value for state. Valid values are "),
        ("/dags/~/dagRuns?run_type=odd", "Invalid value for run type. Valid values are "),
        (f"{TIS}?state=done", "Invalid value for state. Valid values are "),
    ],
)
def test_state_that_does_not_exist_is_refused_in_one_sentence(shown: Cell, path: str, detail: str) -> None:
    answer = shown.call("GET", path)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(detail)


def test_word_of_a_list_is_named_by_its_place(shown: Cell) -> None:
    answer = shown.call("GET", f"{TIS}?try_number=1&try_number=x")
    assert answer.json()["detail"][0]["loc"] == ["query", "try_number", 1]
    mode = shown.call("GET", "/dags?tags=x&tags_match_mode=some").json()["detail"][0]
    assert (mode["type"], mode["ctx"]) == ("literal_error", {"expected": "'any' or 'all'"})


def test_page_may_be_larger_than_any_list(shown: Cell) -> None:
    assert find(shown, "/dags", limit=99_999_999_999) == ["demo", "other"]


def test_runs_of_a_dag_that_is_not_there_have_no_task_instances_either(shown: Cell) -> None:
    assert shown.call("GET", "/dags/nope/dagRuns/~/taskInstances").status_code == 404


def test_runs_are_found_by_an_asset_whose_event_began_them(shown: Cell) -> None:
    with shown.context.db.begin() as conn:
        key = conn.execute(dag_run.select().where(dag_run.c.run_id == "Q_1")).one().id
        facts = {"name": "sales", "uri": "s3://b/sales", "group": "g"}
        made = conn.execute(asset.insert().values(**facts, created_at=NOW, updated_at=NOW))
        number = made.inserted_primary_key[0]
        event = conn.execute(asset_event.insert().values(asset=number, timestamp=NOW))
        conn.execute(dag_run_asset_event.insert().values(run=key, event=event.inserted_primary_key[0]))
    assert find(shown, "/dags/~/dagRuns", consuming_asset_pattern="SAL") == ["Q_1"]
    assert find(shown, "/dags/~/dagRuns", consuming_asset_pattern="s3://b") == ["Q_1"]
    assert find(shown, "/dags/~/dagRuns", consuming_asset_pattern="cost") == []


def test_nothing_is_of_another_bundle(shown: Cell) -> None:
    with shown.context.db.begin() as conn:
        conn.execute(dag_file.update().values(error="boom"))
    for path, count in (("/importErrors", 2), ("/dags/demo/dagVersions", 1)):
        answer = shown.call("GET", path, params={"bundle_name": "dags-folder"})
        assert answer.json()["total_entries"] == count
        assert shown.call("GET", path, params={"bundle_name": "x"}).json()["total_entries"] == 0


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 1),
        ({"start_date_gte": "2020-01-01T00:00:00Z"}, 1),
        ({"start_date_gt": "2099-01-01T00:00:00Z"}, 0),
        ({"end_date_lt": "2099-01-01T00:00:00Z"}, 0),
        ({"executor_class": "x"}, 0),
        ({"order_by": "dag_id"}, 1),
    ],
)
def test_jobs_are_filtered(shown: Cell, query: dict[str, Any], count: int) -> None:
    with shown.context.db.begin() as conn:
        put_processes(conn, [ProcessRow("p", "engine", "host", 1, NOW - 9, NOW)], 0.0)
    assert shown.call("GET", "/jobs", params=query).json()["total_entries"] == count


def test_task_that_was_queued_at_once_was_scheduled_then(shown: Cell) -> None:
    with shown.context.db.begin() as conn:
        conn.execute(task_instance.update().where(task_instance.c.task_id == "a").values(queued_at=NOW))
    body = shown.call("GET", "/dags/demo/dagRuns/r1/taskInstances/a").json()
    assert body["scheduled_when"] == body["queued_when"] is not None
