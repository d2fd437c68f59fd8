"""Partitions of assets in the database: keys of events, and what waits for a partition to be whole."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from runner.domain.assets import Leaf, Update
from runner.domain.deadlines import BadDeadline
from runner.domain.spec import DagSpec
from runner.scheduler import partition_runs
from runner.scheduler.asset_runs import AssetRuns
from runner.scheduler.creation import create_due
from runner.store import asset_events, asset_queue, dags, listing_asset_events, runs, user_edits
from runner.store.asset_events import NewEvent, Source
from runner.store.database import Connection, Database
from runner.store.listing_asset_events import Past
from runner.store.runs import NewRun
from runner.store.schema import (
    asset,
    dag_run,
    event_log,
    partition_wait,
    partition_wait_event,
)
from tests.services import make_database
from tests.unit.runner.store.cells import make_dag

IDENTITY = {"kind": "identity"}
REGIONS = {
    "kind": "rollup",
    "upstream": {"kind": "fixed", "key": "all"},
    "window": {"kind": "segments", "segments": ["us", "eu"]},
    "wait": {"kind": "all"},
}


def ref(name: str) -> dict[str, Any]:
    return {"kind": "asset", "name": name, "uri": f"x://{name}", "group": "asset", "extra": {}}


def put(conn: Connection, dag_id: str, timetable: dict[str, Any], now: float = 1.0, **fields: Any) -> None:
    made = make_dag(dag_id, {"t": []}, file=f"{dag_id}.py", timetable=timetable, **fields)
    dags.put_dags(conn, "b", f"{dag_id}.py", [made], now)


def wait_for(condition: dict[str, Any], default: dict[str, Any] = IDENTITY, **names: Any) -> dict[str, Any]:
    partitions = {"default": default, "name": names, "uri": {}}
    return {"kind": "asset", "condition": condition, "partitions": partitions}


def send(conn: Connection, name: str, key: str | None, now: float = 5.0, date: float | None = None) -> int:
    update = Update(Leaf("asset", name, f"x://{name}"), {})
    (event,) = asset_events.put_events(
        conn, [NewEvent(update, Source("prod", "r1", "t"), partition=key, date=date)], now
    )
    return event


class Maker:
    """What the scheduler remembers from turn to turn."""

    def __init__(self, conn: Connection) -> None:
        self.conn, self.memory, self.read = conn, AssetRuns(3), list[int]()

    def __call__(self, now: float = 9.0) -> list[tuple[str, str | None]]:
        """Make what can be made: DAG and partition of each new run."""
        made = self.memory.create(self.conn, now, frozenset(), self._read)
        rows = [self.conn.execute(sa.select(dag_run).where(dag_run.c.id == key)).one() for key in made.keys]
        return [(row.dag_id, row.partition_key) for row in rows]

    def _read(self, version: int) -> DagSpec:
        self.read.append(version)
        return dags.get_version(self.conn, version)


def test_events_show_their_partition(conn: Connection) -> None:
    put(conn, "d", wait_for(ref("a")))
    send(conn, "a", "us")
    number = conn.execute(sa.select(asset.c.id)).scalar_one()
    asset_events.put_event(conn, number, {}, 6.0, "eu")
    asset_events.put_event(conn, number, {}, 7.0)
    found = listing_asset_events.list_past(conn, Past(name="a"))
    assert [row.partition_key for row in found] == ["us", "eu", None]


def test_run_of_a_partition_is_made_when_all_assets_have_an_event_of_it(conn: Connection) -> None:
    put(conn, "both", wait_for({"all": [ref("a"), ref("b")]}))
    make = Maker(conn)
    first, other = send(conn, "a", "us", date=100.0), send(conn, "a", "eu")
    assert make() == [] and asset_queue.is_waiting(conn)
    second = send(conn, "b", "us")
    assert make(now=9.0) == [("both", "us")]
    row = conn.execute(sa.select(dag_run)).one()
    assert (row.run_type, row.triggered_by, row.logical_date, row.run_after) == (
        "asset_triggered",
        "asset",
        None,
        9.0,
    )
    assert row.partition_date == 100.0 and row.run_id.startswith("asset_triggered__1970-01-01T00:00:09")
    assert [event.id for event in listing_asset_events.list_of_run(conn, row.id)] == [first, second]
    assert make() == []
    third = send(conn, "b", "eu")
    assert make() == [("both", "eu")] and not asset_queue.is_waiting(conn)
    made = listing_asset_events.list_made_runs(conn, [other, third])
    assert [runs[0].partition_key for runs in made.values()] == ["eu", "eu"]
    send(conn, "a", "us")
    assert make() == []  # the same partition again waits for both again


def test_any_of_the_assets_is_enough_where_the_condition_says_so(conn: Connection) -> None:
    put(conn, "either", wait_for({"any": [ref("a"), {"kind": "ref", "name": "b"}]}))
    put(conn, "prod", {"kind": "null"}, outlets=[])
    make = Maker(conn)
    send(conn, "a", "us")
    assert make() == [("either", "us")]


def test_rollup_waits_for_its_window_and_takes_all_events_of_it(conn: Connection) -> None:
    put(conn, "sum", wait_for(ref("a"), REGIONS))
    make = Maker(conn)
    events = [send(conn, "a", key) for key in ("us", "us", "xx")]
    assert make() == []
    events.append(send(conn, "a", "eu"))
    assert make() == [("sum", "all")]
    run = conn.execute(sa.select(dag_run.c.id)).scalar_one()
    assert [event.id for event in listing_asset_events.list_of_run(conn, run)] == events


def test_fan_out_makes_a_run_for_each_key_whatever_max_active_runs_says(conn: Connection) -> None:
    day = {"kind": "day", "input": "%Y-%m-%d", "output": "%Y-%m-%d", "timezone": "UTC"}
    week = {**day, "kind": "week"}
    window = {"kind": "week", "direction": "forward"}
    fan = {"kind": "fan_out", "upstream": week, "window": window, "downstream": day}
    put(conn, "days", wait_for(ref("a"), fan), max_active_runs=1)
    send(conn, "a", "2024-03-13")
    assert Maker(conn)() == [("days", f"2024-03-{day}") for day in range(11, 18)]
    dates = conn.execute(sa.select(dag_run.c.partition_date).order_by(dag_run.c.id)).scalars().all()
    assert dates == [1710115200.0 + 86400 * number for number in range(7)]


def test_many_partitions_are_made_some_at_a_time_and_news_come_first(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_runs, "MOST_AT_ONCE", 2)
    put(conn, "d", wait_for({"all": [ref("a"), ref("b")]}))
    memory = AssetRuns(3)

    def make() -> tuple[list[str], bool]:
        made = memory.create(conn, 9.0, frozenset(), lambda version: dags.get_version(conn, version))
        keys = sa.select(dag_run.c.partition_key).where(dag_run.c.id.in_(made.keys)).order_by(dag_run.c.id)
        return list(conn.execute(keys).scalars()), made.has_more

    for key in ("k1", "k2", "k3"):
        send(conn, "a", key)
    assert make() == ([], True) and make() == ([], False)
    memory.forget()
    send(conn, "b", "k3")
    assert make() == (["k3"], True), "the one with news is not behind those that are only looked at again"
    for key in ("k1", "k2"):
        send(conn, "b", key)
    assert make() == (["k1", "k2"], False)


def test_run_that_cannot_be_made_is_tried_again_and_holds_up_no_other(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refused = runs.insert_run, [True]

    def refuse(conn: Connection, run: NewRun, *rest: Any) -> int:
        if run.partition_key == "us" and refused:
            raise BadDeadline("cannot promise that")
        return real(conn, run, *rest)

    monkeypatch.setattr(runs, "insert_run", refuse)
    put(conn, "d", wait_for(ref("a")))
    make = Maker(conn)
    for key in ("us", "eu"):
        send(conn, "a", key)
    assert make() == [("d", "eu")] and make() == []
    refused.clear()
    assert make() == [("d", "us")]


def test_dags_without_partitions_do_not_hear_of_events_with_a_key_nor_those_with_of_others(
    conn: Connection,
) -> None:
    put(conn, "plain", {"kind": "asset", "condition": ref("a")})
    put(conn, "parted", wait_for(ref("a")))
    make = Maker(conn)
    send(conn, "a", "us")
    assert make() == [("parted", "us")]
    send(conn, "a", None)
    assert make() == [("plain", None)]
    (told,) = conn.execute(sa.select(event_log)).all()
    assert (told.event, told.dag_id, told.run_id, told.task_id) == (
        "missing partition key",
        "prod",
        "r1",
        "t",
    )
    assert "parted" in told.extra and told.owner is None


def test_key_that_a_mapper_cannot_use_is_told_and_undoes_nothing(conn: Connection) -> None:
    put(conn, "picky", wait_for(ref("a"), {"kind": "allowed", "keys": ["us"]}))
    put(conn, "parted", wait_for(ref("a")))
    send(conn, "a", "eu")
    assert Maker(conn)() == [("parted", "eu")]
    (told,) = conn.execute(sa.select(event_log)).all()
    assert told.event == "failed to map partition_key" and "'eu'" in told.extra


def test_other_mappers_begin_anew_and_other_tasks_do_not(conn: Connection) -> None:
    both = {"all": [ref("a"), ref("b")]}
    put(conn, "d", wait_for(both))
    make = Maker(conn)
    send(conn, "a", "us")
    put(conn, "d", wait_for(both), now=2.0, max_active_tasks=3)
    send(conn, "b", "us")
    assert make() == [("d", "us")]
    send(conn, "a", "eu")
    put(conn, "d", wait_for(both, b={"kind": "fixed", "key": "eu"}), now=3.0)
    assert make() == []
    assert conn.execute(sa.select(partition_wait)).all() == []
    send(conn, "a", "eu")
    put(conn, "d", wait_for(both), now=4.0)
    send(conn, "b", "eu")  # before the scheduler has looked: what came under the old mappers does not count
    assert make() == []
    assert len(conn.execute(sa.select(partition_wait_event)).all()) == 1


def test_schedule_without_partitions_forgets_what_waits(conn: Connection) -> None:
    put(conn, "d", wait_for({"all": [ref("a"), ref("b")]}))
    send(conn, "a", "us")
    put(conn, "d", {"kind": "asset", "condition": ref("a")}, now=2.0)
    make = Maker(conn)
    assert make() == [] and conn.execute(sa.select(partition_wait)).all() == []
    send(conn, "a", None)
    put(conn, "d", wait_for(ref("a")), now=3.0)
    assert make() == [] and not asset_queue.is_waiting(conn)


def test_partition_that_waits_is_looked_at_again_only_for_news(conn: Connection) -> None:
    put(conn, "d", wait_for({"all": [ref("a"), ref("b")]}))
    make = Maker(conn)
    send(conn, "a", "us")
    assert make() == [] and len(make.read) == 1
    make.memory.forget(partitions=False)
    assert make() == [] and len(make.read) == 1
    send(conn, "a", "us")
    assert make() == [] and len(make.read) == 2
    make.memory.forget()
    assert make() == [] and len(make.read) == 3


def test_asset_that_no_dag_names_any_more_counts_when_one_does_again(conn: Connection) -> None:
    put(conn, "d", wait_for({"all": [ref("a"), ref("b")]}))
    make = Maker(conn)
    send(conn, "a", "us")
    conn.execute(asset.update().where(asset.c.name == "a").values(is_active=False))
    send(conn, "b", "us")
    assert make() == []
    conn.execute(asset.update().values(is_active=True))
    make.memory.forget()
    assert make() == [("d", "us")]


def test_paused_dag_hears_nothing_but_its_whole_partitions_are_queued(conn: Connection) -> None:
    put(conn, "d", wait_for(ref("a")))
    send(conn, "a", "us")
    dags.set_paused(conn, "d", True)
    send(conn, "a", "eu")
    assert Maker(conn)() == [("d", "us")]


def test_dag_that_is_gone_makes_no_run_and_a_deleted_one_leaves_nothing(conn: Connection) -> None:
    put(conn, "d", wait_for(ref("a")))
    send(conn, "a", "us")
    dags.drop_files(conn, ["d.py"])
    assert Maker(conn)() == []
    user_edits.delete_dag(conn, "d")
    assert conn.execute(sa.select(partition_wait)).all() == []


def test_carried_dates_that_disagree_are_none(conn: Connection) -> None:
    put(conn, "d", wait_for({"all": [ref("a"), ref("b")]}))
    send(conn, "a", "us", date=1.0)
    send(conn, "b", "us", date=2.0)
    assert Maker(conn)() == [("d", "us")]
    assert conn.execute(sa.select(dag_run.c.partition_date)).scalar_one() is None


def test_cron_of_partitions_says_which_one_a_run_is_about(conn: Connection) -> None:
    timetable = {
        "kind": "cron",
        "expression": "0 0 * * *",
        "timezone": "UTC",
        "interval": False,
        "partition": {"offset": -1, "format": "%Y-%m-%d"},
    }
    put(conn, "d", timetable, now=1710331200.0, start_date="2024-03-01T00:00:00+00:00", catchup=False)
    make = Maker(conn)
    create_due(conn, 1710331200.0, frozenset(), make._read, True)
    row = conn.execute(sa.select(dag_run)).one()
    assert (row.partition_key, row.partition_date) == ("2024-03-12", 1710201600.0)


@pytest.mark.service("postgresql")
def test_event_that_comes_while_the_run_is_made_is_in_it(postgresql: str) -> None:
    with make_database(postgresql) as url:
        db = Database(url)
        db.create_or_migrate()
        with db.begin() as conn:
            put(conn, "d", wait_for(ref("a")))
            events = [send(conn, "a", "us")]
        is_looking = threading.Event()

        def read(version: int) -> DagSpec:
            is_looking.set()
            with db.read() as conn:
                return dags.get_version(conn, version)

        def make() -> None:
            with db.begin() as conn:
                AssetRuns(3).create(conn, 9.0, frozenset(), read)

        maker = threading.Thread(target=make)
        with db.begin() as conn:
            events.append(send(conn, "a", "us"))  # not committed before the other has read what has come
            maker.start()
            assert is_looking.wait(20)
        maker.join(20)
        with db.read() as conn:
            run = conn.execute(sa.select(dag_run.c.id)).scalar_one()
            assert [event.id for event in listing_asset_events.list_of_run(conn, run)] == events
            assert conn.execute(sa.select(partition_wait)).all() == []
        db.dispose()
