"""Assets in the database: who names them, which are active, their events, and what waits for whom."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from runner.domain.assets import Leaf, Update
from runner.store import (
    asset_events,
    asset_queue,
    dags,
    listing_asset_events,
    listing_assets,
    user_edits,
    watchers,
)
from runner.store.asset_events import NewEvent, Source
from runner.store.database import Connection
from runner.store.listing_asset_events import Past
from runner.store.listing_assets import AssetFilter
from runner.store.listing_page import Window
from runner.store.schema import asset, dag_asset
from runner.store.schema import asset_queue as queue_table
from tests.unit.runner.store.cells import make_dag, make_run


def ref(name: str, uri: str = "", **more: Any) -> dict[str, Any]:
    return {"kind": "asset", "name": name, "uri": uri or f"x://{name}", "group": "asset", "extra": {}, **more}


def put(
    conn: Connection, dag_id: str, now: float = 1.0, outlets: Any = (), inlets: Any = (), **fields: Any
) -> None:
    made = make_dag(dag_id, {"t": []}, file=f"{dag_id}.py", **fields)
    made["tasks"][0] |= {"outlets": list(outlets), "inlets": list(inlets)}
    dags.put_dags(conn, "b", f"{dag_id}.py", [made], now)


def scheduled(condition: dict[str, Any]) -> dict[str, Any]:
    return {"timetable": {"kind": "asset", "condition": condition}}


def active(conn: Connection) -> list[tuple[str, str]]:
    rows = conn.execute(sa.select(asset.c.name, asset.c.uri).where(asset.c.is_active == sa.true()))
    return sorted((row.name, row.uri) for row in rows)


def update(
    name: str, extra: dict[str, Any] | None = None, aliases: tuple[str, ...] = (), kind: str = "asset"
) -> NewEvent:
    leaf = Leaf(kind, "" if kind == "uri" else name, "" if kind == "name" else f"x://{name}")
    return NewEvent(Update(leaf, extra or {}, aliases), Source("prod", "r1", "t"))


def queued(conn: Connection) -> list[tuple[str, str]]:
    query = sa.select(queue_table.c.dag_id, asset.c.name).join(asset, asset.c.id == queue_table.c.asset)
    return sorted((row.dag_id, row.name) for row in conn.execute(query))


def test_asset_is_active_as_long_as_a_dag_names_it(conn: Connection) -> None:
    put(conn, "one", outlets=[ref("a")])
    put(conn, "two", inlets=[ref("a")], **scheduled(ref("b")))
    assert active(conn) == [("a", "x://a"), ("b", "x://b")]
    dags.drop_files(conn, ["one.py"])
    assert active(conn) == [("a", "x://a"), ("b", "x://b")]
    user_edits.delete_dag(conn, "two")
    assert active(conn) == []
    assert conn.execute(sa.select(dag_asset)).all() == []
    put(conn, "one", now=2.0, outlets=[ref("a")])
    assert active(conn) == [("a", "x://a")]


def test_second_asset_of_a_name_waits_until_the_first_is_gone_and_is_told_as_a_conflict(
    conn: Connection,
) -> None:
    put(conn, "one", outlets=[ref("a", "x://1")])
    put(conn, "two", outlets=[ref("a", "x://2")])
    assert active(conn) == [("a", "x://1")]
    ((row),) = listing_assets.list_conflicts(conn)
    assert (row.dag_id, row.uri, row.other_uri) == ("two", "x://2", "x://1")
    assert listing_assets.list_inactive(conn, [Leaf("asset", "a", "x://2"), Leaf("name", "a")]) == [0]
    put(conn, "one", now=2.0)
    assert active(conn) == [("a", "x://2")]


def test_reference_of_a_dag_is_kept_while_it_stays_and_its_watchers_follow(conn: Connection) -> None:
    put(conn, "d", now=1.0, outlets=[ref("a"), ref("b")])
    watched = ref("a", watchers=[{"name": "w", "classpath": "m.T", "kwargs": {"q": 1}}])
    put(conn, "d", now=2.0, outlets=[watched], **scheduled(ref("c")))
    rows = conn.execute(sa.select(dag_asset).order_by(dag_asset.c.task_id)).all()
    assert [(row.role, row.created_at) for row in rows] == [("schedule", 2.0), ("outlet", 1.0)]
    assert json.loads(rows[1].watchers) == [["w", "m.T", '{"q":1}']]


def test_event_is_queued_for_every_way_to_name_its_asset(conn: Connection) -> None:
    put(conn, "prod", outlets=[ref("a")])
    put(conn, "by_asset", **scheduled({"all": [ref("a"), ref("other")]}))
    put(conn, "by_name", **scheduled({"kind": "ref", "name": "a"}))
    put(conn, "by_uri", **scheduled({"kind": "ref", "uri": "x://a"}))
    put(conn, "paused", **scheduled(ref("a")))
    dags.set_paused(conn, "paused", True)
    put(conn, "unconcerned", **scheduled(ref("other")))
    asset_events.put_events(conn, [update("a", {"n": 1})], 5.0)
    assert queued(conn) == [("by_asset", "a"), ("by_name", "a"), ("by_uri", "a")]
    (row,) = listing_asset_events.list_past(conn, Past(name="a"))
    assert (row.timestamp, json.loads(row.extra), row.source_task_id, row.uri) == (
        5.0,
        {"n": 1},
        "t",
        "x://a",
    )


def test_outlet_without_an_active_asset_makes_no_event(conn: Connection) -> None:
    put(conn, "one", outlets=[ref("a", "x://1")])
    put(conn, "two", outlets=[ref("a", "x://2")])
    other = NewEvent(Update(Leaf("asset", "a", "x://2"), {}))
    assert asset_events.put_events(conn, [other, update("nothing", kind="name")], 5.0) == []
    assert len(asset_events.put_events(conn, [update("a", kind="name")], 5.0)) == 1


def test_alias_makes_the_asset_it_leads_to_and_reaches_who_waits_for_either(conn: Connection) -> None:
    put(conn, "by_alias", **scheduled({"kind": "alias", "name": "al"}))
    put(conn, "by_asset", **scheduled(ref("new")))
    asset_events.put_events(conn, [update("new", {"n": 1}, aliases=("al", "bl"))], 5.0)
    assert ("new", "x://new") in active(conn)
    assert queued(conn) == [("by_alias", "new"), ("by_asset", "new")]
    (candidate, _) = asset_queue.list_candidates(conn, ())
    waiting = asset_queue.load_waiting(conn, candidate.assets)
    assert waiting.aliases == {"al", "bl"}
    assert len(listing_asset_events.list_past(conn, Past(alias="al"))) == 1
    asset_events.put_events(conn, [update("new")], 6.0)
    assert len(listing_asset_events.list_past(conn, Past(alias="al"))) == 1
    dags.drop_files(conn, ["by_asset.py"])
    assert ("new", "x://new") in active(conn)  # the alias still leads to it


def test_run_takes_what_waits_and_what_it_missed_while_it_was_paused(conn: Connection) -> None:
    put(conn, "d", now=1.0, **scheduled({"any": [ref("a"), ref("b")]}))
    dags.set_paused(conn, "d", True)
    (missed,) = asset_events.put_events(conn, [update("a")], 5.0)
    dags.set_paused(conn, "d", False)
    (seen,) = asset_events.put_events(conn, [update("b")], 6.0)
    taken = asset_queue.load_taken(conn, "d", catchup=False)
    assert taken is not None
    assert (taken.events, taken.queued, taken.triggered_at) == ((missed, seen), (seen,), 6.0)
    run = make_run(conn, "d")
    (late,) = asset_events.put_events(conn, [update("b")], 7.0)
    asset_queue.take(conn, "d", run, taken)
    assert [row.id for row in listing_asset_events.list_of_run(conn, run)] == [missed, seen]
    rest = asset_queue.load_taken(conn, "d", catchup=False)
    assert rest is not None and rest.queued == (late,)
    made = listing_asset_events.list_made_runs(conn, [missed, seen, late])
    assert {number: [row.newest for row in rows] for number, rows in made.items()} == {
        missed: [seen],
        seen: [seen],
        late: [],
    }


def test_first_run_looks_back_to_where_its_dag_began_only_with_catchup(conn: Connection) -> None:
    put(conn, "prod", now=1.0, outlets=[ref("a")])
    (old,) = asset_events.put_events(conn, [update("a")], 2.0)
    put(conn, "d", now=3.0, **scheduled(ref("a")))
    (new,) = asset_events.put_events(conn, [update("a")], 4.0)
    for catchup, events in ((False, (new,)), (True, (old, new))):
        taken = asset_queue.load_taken(conn, "d", catchup)
        assert taken is not None and taken.events == events


def test_span_covers_the_runs_behind_the_events(conn: Connection) -> None:
    put(conn, "prod", outlets=[ref("a")])
    make_run(conn, "prod", "r1", 100.0)
    first, second = asset_events.put_events(
        conn, [update("a"), NewEvent(Update(Leaf("asset", "a", "x://a"), {}))], 500.0
    )
    assert asset_queue.find_span(conn, [first]) == (100.0, 100.0)
    assert asset_queue.find_span(conn, [first, second]) == (100.0, 500.0)


def test_pages_of_assets_show_who_has_to_do_with_them(conn: Connection) -> None:
    put(conn, "prod", outlets=[ref("a", extra={"k": 1})])
    put(conn, "cons", inlets=[ref("a")], **scheduled(ref("a")))
    asset_events.put_events(conn, [update("a"), update("a", {"n": 2}, aliases=("al",))], 5.0)
    page = listing_assets.list_assets(conn, AssetFilter(name_pattern="A", dag_ids=["cons"]), Window())
    (row,) = page.rows
    assert (row.name, row.last_at, page.total) == ("a", 5.0, 1)
    ties = listing_assets.find_ties(conn, [row.id])[row.id]
    assert {role: [use.dag_id for use in uses] for role, uses in ties.uses.items()} == {
        "schedule": ["cons"],
        "outlet": ["prod"],
        "inlet": ["cons"],
    }
    assert [alias.name for alias in ties.aliases] == ["al"]
    assert listing_assets.list_producers(conn, row.id) == ["prod"]
    (waits,) = listing_assets.list_queued(conn, "cons", None, None)
    assert (waits.created_at, waits.uri) == (5.0, "x://a")
    assert not listing_assets.delete_queued(conn, "cons", row.id, 5.0)
    assert listing_assets.delete_queued(conn, None, row.id, 5.1) and queued(conn) == []


def test_watchers_run_while_an_unpaused_dag_waits_for_their_asset(conn: Connection) -> None:
    watched = ref("a", watchers=[{"name": "w", "classpath": "m.T", "kwargs": {}}])
    put(conn, "prod", outlets=[watched])
    assert list(watchers.list_watched(conn)) == []
    put(conn, "cons", **scheduled(ref("a")))
    (found,) = watchers.list_watched(conn)
    assert (found.asset_name, found.watcher.name, found.file, found.bundle) == ("a", "w", "prod.py", "b")
    dags.set_paused(conn, "cons", True)
    assert list(watchers.list_watched(conn)) == []


def test_watcher_event_is_taken_in_once(conn: Connection) -> None:
    assert watchers.take_event(conn, "watcher:1", "p-1")
    assert not watchers.take_event(conn, "watcher:1", "p-1")
    assert watchers.take_event(conn, "watcher:2", "p-1") and watchers.take_event(conn, "watcher:1", "p-2")


def test_the_newest_event_of_an_alias_is_found_when_newer_ones_came_without_it(conn: Connection) -> None:
    put(conn, "by_alias", **scheduled({"kind": "alias", "name": 'grün "1"'}))
    asset_events.put_events(conn, [update("new", {"n": 1}, aliases=('grün "1"',))], 5.0)
    asset_events.put_events(conn, [update("new", {"n": 2})], 6.0)
    (row,) = listing_asset_events.list_past(conn, Past(alias='grün "1"', ascending=False, limit=1))
    assert json.loads(row.extra) == {"n": 1}
