"""Assets over REST v2, and datasets over v1."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from runner.domain.assets import Leaf, Update
from runner.events import DagsChanged, RunCreated, TimetableAsked
from runner.store import asset_queue
from runner.store.asset_events import NewEvent, Source, put_events
from tests.unit.runner.api.conftest import NOW, Cell


def ref(name: str) -> dict[str, Any]:
    extra = {"password": "secret", "team": "x"}
    return {"kind": "asset", "name": name, "uri": f"x-t://{name}", "group": "asset", "extra": extra}


@pytest.fixture
def assets(any_demo: Cell) -> Cell:
    """`prod` updates a, `cons` is scheduled by a and b; a was updated once by `prod`."""
    return put_assets(any_demo)


def put_assets(cell: Cell) -> Cell:
    cell.put_dag("prod", [{"task_id": "t", "outlets": [ref("a")]}])
    condition = {"all": [ref("a"), {"any": [ref("b"), {"kind": "alias", "name": "al", "group": "g"}]}]}
    cell.put_dag(
        "cons", [{"task_id": "t", "inlets": [ref("a")]}], timetable={"kind": "asset", "condition": condition}
    )
    with cell.context.db.begin() as conn:
        update = Update(Leaf("asset", "a", "x-t://a"), {"rows": 1, "token": "hidden"})
        put_events(conn, [NewEvent(update, Source("prod", "r1", "t"))], NOW)
    return cell


def find(cell: Cell, name: str) -> dict[str, Any]:
    (item,) = cell.call("GET", "/assets", params={"name_pattern": name}).json()["assets"]
    found: dict[str, Any] = item
    return found


def test_list_shows_assets_with_who_has_to_do_with_them(assets: Cell) -> None:
    body = assets.call("GET", "/assets", params={"order_by": "-name"}).json()
    assert [item["name"] for item in body["assets"]] == ["b", "a"] and body["total_entries"] == 2
    item = body["assets"][1]
    assert item["extra"] == {"password": "***", "team": "x"}
    assert [use["dag_id"] for use in item["scheduled_dags"]] == ["cons"]
    assert [(use["dag_id"], use["task_id"]) for use in item["producing_tasks"]] == [("prod", "t")]
    assert [use["dag_id"] for use in item["consuming_tasks"]] == ["cons"]
    assert item["last_asset_event"]["id"] is not None
    assert assets.call("GET", f"/assets/{item['id']}").json() == item
    only = assets.call("GET", "/assets", params={"dag_ids": "prod"}).json()
    assert [item["name"] for item in only["assets"]] == ["a"]
    assert assets.call("GET", "/assets", params={"uri_prefix_pattern": "y"}).json()["total_entries"] == 0


def test_what_is_not_there_is_not_found(assets: Cell) -> None:
    for path in ("/assets/999", "/assets/aliases/999", "/dags/cons/assets/999/queuedEvents"):
        assert assets.call("GET", path).status_code == 404
    assert assets.call("POST", "/assets/999/materialize").status_code == 404
    assert assets.call("POST", "/assets/events", json={"asset_id": 999}).status_code == 404
    assert assets.call("DELETE", "/assets/999/queuedEvents").status_code == 404
    assert assets.call("POST", "/assets/events", json={"asset_id": 1, "odd": 2}).status_code == 422
    assert assets.call("GET", "/assets", params={"order_by": "odd"}).status_code == 400


def test_aliases_are_listed(assets: Cell) -> None:
    (alias,) = assets.call("GET", "/assets/aliases").json()["asset_aliases"]
    assert (alias["name"], alias["group"]) == ("al", "g")
    assert assets.call("GET", f"/assets/aliases/{alias['id']}").json() == alias


def test_event_by_hand_is_shown_and_wakes_the_scheduler(assets: Cell) -> None:
    number = find(assets, "b")["id"]
    made = assets.call("POST", "/assets/events", json={"asset_id": number, "extra": {"n": 1}}).json()
    assert made["extra"] == {"n": 1, "from_rest_api": True} and made["source_dag_id"] is None
    assert isinstance(assets.scheduler.events[-1], DagsChanged)
    body = assets.call("GET", "/assets/events", params={"order_by": "-timestamp"}).json()
    assert {event["name"] for event in body["asset_events"]} == {"a", "b"}
    (event,) = assets.call("GET", "/assets/events", params={"source_dag_id": "prod"}).json()["asset_events"]
    assert event["extra"] == {"rows": 1, "token": "***"} and event["source_task_id"] == "t"
    assert (
        assets.call("GET", "/assets/events", params={"timestamp_gt": "2100-01-01"}).json()["total_entries"]
        == 0
    )


def test_run_shows_the_events_it_took_and_they_show_the_run(assets: Cell) -> None:
    run = assets.put_run("cons", "asset_triggered__1", run_type="asset_triggered")
    with assets.context.db.begin() as conn:
        taken = asset_queue.load_taken(conn, "cons", False)
        assert taken is not None
        asset_queue.take(conn, "cons", run, taken)
    (event,) = assets.call("GET", "/dags/cons/dagRuns/asset_triggered__1/upstreamAssetEvents").json()[
        "asset_events"
    ]
    assert event["name"] == "a"
    (made,) = event["created_dagruns"]
    assert (made["run_id"], made["triggering"]) == ("asset_triggered__1", True)
    assert assets.call("GET", "/dags/cons/dagRuns/none/upstreamAssetEvents").status_code == 404


def test_queued_events_are_listed_and_deleted_by_either_end(assets: Cell) -> None:
    number = find(assets, "a")["id"]
    body = assets.call("GET", "/dags/cons/assets/queuedEvents").json()
    (item,) = body["queued_events"]
    assert (item["dag_id"], item["asset_id"], item["dag_display_name"]) == ("cons", number, "cons")
    assert assets.call("GET", f"/assets/{number}/queuedEvents").json() == body
    assert assets.call("GET", f"/dags/cons/assets/{number}/queuedEvents").json() == item
    before = {"before": "2000-01-01T00:00:00Z"}
    assert assets.call("DELETE", f"/assets/{number}/queuedEvents", params=before).status_code == 404
    assert assets.call("DELETE", f"/dags/cons/assets/{number}/queuedEvents").status_code == 204
    assert assets.call("GET", "/dags/cons/assets/queuedEvents").json()["total_entries"] == 0


def test_materialize_starts_the_one_dag_that_updates_the_asset(assets: Cell) -> None:
    number = find(assets, "a")["id"]
    run = assets.call("POST", f"/assets/{number}/materialize").json()
    assert (run["dag_id"], run["run_type"]) == ("prod", "asset_materialization")
    assert run["dag_run_id"].startswith("asset_materialization__")
    assert isinstance(assets.scheduler.events[-1], RunCreated)
    assets.put_dag("prod2", [{"task_id": "t", "outlets": [ref("a")]}])
    assert assets.call("POST", f"/assets/{number}/materialize").status_code == 409
    assert assets.call("POST", f"/assets/{find(assets, 'b')['id']}/materialize").status_code == 404


def test_dags_are_found_by_the_assets_they_are_scheduled_by(assets: Cell) -> None:
    def ids(**params: Any) -> list[str]:
        return [dag["dag_id"] for dag in assets.call("GET", "/dags", params=params).json()["dags"]]

    assert ids(has_asset_schedule=True) == ["cons"] and "cons" not in ids(has_asset_schedule=False)
    assert ids(asset_dependency="T://B") == ["cons"] and ids(asset_dependency="%") == []
    details = assets.call("GET", "/dags/cons/details").json()
    assert (
        details["timetable_summary"] == "Asset" and details["timetable_description"] == "Triggered by assets"
    )
    leaf = {"uri": "x-t://a", "name": "a", "group": "asset"}
    assert details["asset_expression"]["all"][0] == {"asset": leaf}
    assert details["asset_expression"]["all"][1]["any"][1] == {"alias": {"name": "al", "group": "g"}}


def test_asset_that_cannot_be_active_is_a_warning_of_its_dag(assets: Cell) -> None:
    clash = {**ref("a"), "uri": "x-t://other"}
    assets.put_dag("clashes", [{"task_id": "t", "outlets": [clash]}])
    (warning,) = assets.call("GET", "/dagWarnings").json()["dag_warnings"]
    assert (warning["dag_id"], warning["warning_type"]) == ("clashes", "asset conflict")
    assert "'x-t://a'" in warning["message"]
    assert assets.call("GET", "/dagWarnings", params={"dag_id": "prod"}).json()["total_entries"] == 0


MINUTE = {"kind": "delta", "seconds": 60.0, "summary": "0:01:00"}


@pytest.mark.parametrize(
    ("timetable", "summary", "description", "periodic"),
    [
        ({"kind": "null"}, None, "Never, external triggers only", False),
        ({"kind": "cron", "expression": "0 0 * * *", "summary": "@daily"}, "0 0 * * *", None, True),
        ({"kind": "once", "summary": "@once"}, "@once", "Once, as soon as possible", False),
        ({"kind": "custom", "classpath": "m.T", "summary": "T", "description": "Mine"}, "T", "Mine", True),
        (
            {"kind": "asset_or_time", "condition": {"all": []}, "time": MINUTE},
            "Asset or 0:01:00",
            "Triggered by assets or ",
            True,
        ),
    ],
)  # fmt: skip
def test_timetables_are_told_in_airflows_words(
    cell: Cell, timetable: dict[str, Any], summary: str | None, description: str | None, periodic: bool
) -> None:
    cell.put_dag("d", [{"task_id": "t"}], timetable=timetable)
    body = cell.call("GET", "/dags/d").json()
    assert (body["timetable_summary"], body["timetable_periodic"]) == (summary, periodic)
    assert description is None or body["timetable_description"] == description


def answer_when_asked(cell: Cell, answer: Any, error: str | None) -> None:
    """Answer the next question for a timetable, as the scheduler would."""

    def wait() -> None:
        for _ in iter(lambda: any(isinstance(e, TimetableAsked) for e in cell.scheduler.events), True):
            threading.Event().wait(0.002)
        asked = next(e for e in cell.scheduler.events if isinstance(e, TimetableAsked))
        asked.on_answer(answer, error)

    threading.Thread(target=wait, daemon=True).start()


def test_run_by_hand_covers_what_the_users_timetable_says(cell: Cell) -> None:
    cell.put_dag("d", [{"task_id": "t"}], timetable={"kind": "custom", "classpath": "m.T", "data": {}})
    answer_when_asked(cell, {"start": NOW - 60, "end": NOW}, None)
    made = cell.call("POST", "/dags/d/dagRuns", json={"logical_date": "2026-01-01T00:00:00Z"})
    assert made.status_code == 200, made.text
    assert made.json()["data_interval_end"].startswith("2026-05-28")
    cell.scheduler.events.clear()
    answer_when_asked(cell, None, "Traceback\nKeyError: 'moon'\n")
    refused = cell.call("POST", "/dags/d/dagRuns", json={"logical_date": "2026-01-02T00:00:00Z"})
    assert refused.status_code == 400 and "KeyError: 'moon'" in refused.json()["detail"]


def test_version_1_speaks_of_datasets(old_demo: Cell) -> None:
    cell = put_assets(old_demo)

    def call(method: str, path: str, **more: Any) -> Any:
        return cell.call(method, f"/api/v1{path}", **more)

    body = call("GET", "/datasets").json()
    assert sorted(item["uri"] for item in body["datasets"]) == ["x-t://a", "x-t://b"]
    one = call("GET", "/datasets/x-t%3A%2F%2Fa").json()
    assert [use["dag_id"] for use in one["consuming_dags"]] == ["cons"]
    (event,) = call("GET", "/datasets/events", params={"dataset_id": one["id"]}).json()["dataset_events"]
    assert (event["dataset_uri"], event["source_dag_id"]) == ("x-t://a", "prod")
    queued = call("GET", "/dags/cons/datasets/queuedEvent").json()["queued_events"]
    assert [item["uri"] for item in queued] == ["x-t://a"]
    assert call("GET", "/dags/cons/datasets/queuedEvent/x-t%3A%2F%2Fa").json() == queued[0]
    made = call("POST", "/datasets/events", json={"dataset_uri": "x-t://b", "extra": {"n": 1}}).json()
    assert made["dataset_uri"] == "x-t://b"
    assert len(call("GET", "/dags/cons/datasets/queuedEvent").json()["queued_events"]) == 2
    assert call("DELETE", "/datasets/queuedEvent/x-t%3A%2F%2Fb").status_code == 204
    assert call("DELETE", "/dags/cons/datasets/queuedEvent").status_code == 204
    missing = call("GET", "/datasets/nothing")
    assert missing.status_code == 404 and missing.json()["title"] == "Not Found"
    assert call("GET", "/assets").status_code == 404
