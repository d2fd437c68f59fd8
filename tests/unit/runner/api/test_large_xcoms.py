"""XComs that are too large for the database: objects in the logs bucket, and when they go."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from runner.api.blobs import Blobs
from runner.api.execution import Refused, handle, xcoms
from runner.scheduler.changes import Changes
from runner.scheduler.writing import write
from runner.store.schema import dag_run, xcom
from runner.store.unfinished import list_skip_notes
from sync.objects import ObjectStoreError
from tests.fakes.object_store import FakeObjectStore

from .test_execution import Info

LARGE = ["x" * 100] * 1_000
WHERE = {"dag_id": "demo", "run_id": "r1", "map_index": None}
ENTRY = "/dags/demo/dagRuns/r1/taskInstances/a/xcomEntries/k"


@pytest.fixture
def store(any_demo):
    fake = FakeObjectStore()
    object.__setattr__(any_demo.context, "blobs", Blobs(lambda: fake))
    return fake


@pytest.fixture
def ask(any_demo, store):
    return lambda method, info=None, **params: handle(any_demo.context, info or Info(), method, params)


def list_rows(cell):
    with cell.context.db.read() as conn:
        return list(conn.execute(sa.select(xcom)))


def test_large_value_lies_in_the_bucket_and_reads_as_any_other(any_demo, store, ask):
    ask("set_xcom", key="k", text=json.dumps(LARGE), length=1_000)
    (row,) = list_rows(any_demo)
    assert (row.value, row.length) == ("", 1_000)
    assert list(store.objects) == [row.blob]
    answer = ask("get_xcom", task_id="a", key="k", **WHERE)
    assert json.loads(answer["text"]) == LARGE
    item = ask("get_xcom_item", task_id="a", key="k", offset=0, **WHERE)
    assert (item["length"], json.loads(item["text"])) == (1, LARGE)
    where = {"dag_id": "demo", "run_id": "r1", "include_prior_dates": False, "map_indexes": None}
    (listed,) = ask("list_xcoms", task_ids=["a"], key="k", **where)
    assert json.loads(listed["text"]) == LARGE
    assert any_demo.call("GET", ENTRY).json()["value"] == LARGE


def test_large_note_of_a_branch_stays_where_the_scheduler_reads_it(any_demo, store, ask):
    note = {"skipped": LARGE}
    ask("set_xcom", key="skipmixin_key", text=json.dumps(note), length=1)
    with any_demo.context.db.read() as conn:
        run = conn.execute(sa.select(dag_run).where(dag_run.c.run_id == "r1")).one()
        assert list_skip_notes(conn, run) == {("a", -1): note}
    assert store.objects == {}


@pytest.mark.parametrize("how", ["small", "large", "rest", "delete", "rest_delete", "next_try", "run", "dag"])
def test_object_goes_with_its_value(any_demo, store, ask, how):
    ask("set_xcom", key="k", text=json.dumps(LARGE), length=1_000)
    ask("set_xcom", info=Info(task_id="b"), key="k", text=json.dumps(LARGE), length=1_000)
    (kept,) = [row.blob for row in list_rows(any_demo) if row.task_id == "b"]
    match how:
        case "small":
            ask("set_xcom", key="k", value=1)
        case "large":
            ask("set_xcom", key="k", text=json.dumps(LARGE[1:]), length=999)
        case "rest":
            assert any_demo.call("PATCH", ENTRY, json={"value": 2}).status_code == 200
        case "delete":
            ask("delete_xcom", key="k")
        case "rest_delete":
            assert any_demo.call("DELETE", ENTRY).status_code == 204
        case "next_try":
            place = {"x_dag_id": "demo", "x_run_id": "r1", "x_task_id": "a", "x_map_index": -1}
            changes = Changes(dropped_xcoms=[place])
            with any_demo.context.db.begin() as conn:
                write(conn, changes, 0.0)
            any_demo.context.blobs.drop(changes.dropped_blobs)
        case "run":
            assert any_demo.call("DELETE", "/dags/demo/dagRuns/r1").status_code == 204
        case "dag":
            assert any_demo.call("DELETE", "/dags/demo").status_code == 204
    expected = {"run": set(), "dag": set()}.get(how, {kept})
    if how == "large":
        expected |= {row.blob for row in list_rows(any_demo)}
        assert len(expected) == 2
    assert store.objects.keys() == expected


def test_bucket_that_is_away_refuses_large_values_and_no_deletion(any_demo, store, ask):
    def away(operation, key):
        raise ObjectStoreError("unreachable", "cannot reach the bucket")

    ask("set_xcom", key="k", text=json.dumps(LARGE), length=1_000)
    store.fault = away
    with pytest.raises(ObjectStoreError):
        ask("set_xcom", key="other", text=json.dumps(LARGE), length=1_000)
    assert [row.key for row in list_rows(any_demo)] == ["k"]
    answer = any_demo.call("GET", ENTRY)
    assert (answer.status_code, "cannot reach" in answer.json()["detail"]) == (503, True)
    ask("delete_xcom", key="k")
    assert list_rows(any_demo) == []


def test_list_beyond_a_frame_is_refused_with_what_to_do(any_demo, store, ask, monkeypatch):
    monkeypatch.setattr(xcoms, "MOST", 150_000)
    for index in (0, 1):
        ask("set_xcom", info=Info(map_index=index), key="k", text=json.dumps(LARGE), length=1_000)
    where = {"dag_id": "demo", "run_id": "r1", "include_prior_dates": False, "map_indexes": None}
    with pytest.raises(Refused, match="one by one"):
        ask("list_xcoms", task_ids=["a"], key="k", **where)
