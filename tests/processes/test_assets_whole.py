"""Assets and users' timetables end to end: a real engine, a real agent, DAG files of both generations' words."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from airflow._wire import cell as cells

from runner.store.dag_files import DagFile, put_dag_files
from runner.store.dags import put_dags
from runner.store.schema import (
    asset,
    asset_event,
    asset_queue,
    dag,
    dag_run,
    dag_run_asset_event,
    task_instance,
)
from tests.fakes.cell import PROGRAM
from tests.processes.cells import ROOT, Cell, wait_for

FILE = """
import json
from datetime import datetime, timedelta, timezone
from airflow.sdk import DAG, Asset, AssetAlias, AssetWatcher, Metadata, asset, task
from airflow.sdk import FixedKeyMapper, PartitionedAssetTimetable, PartitionedAtRuntime, RollupMapper, SegmentWindow
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
from mine import Lines

def note(word, **facts):
    with open("{place}", "a") as file:
        file.write(json.dumps(dict(facts, word=word)) + "\\n")

a, b, al = Asset("a", uri="x-t://a"), Asset("b", uri="x-t://b"), AssetAlias("al")

@asset(schedule=None, uri="x-t://made")
def made(self):
    return self.uri

with DAG("make_a", schedule=None):
    @task(outlets=[a])
    def go(dag_run):
        yield Metadata(a, {{"by": dag_run.run_id}})
    go()

with DAG("make_b", schedule=None):
    @task(outlets=[b, al])
    def go(*, outlet_events):
        outlet_events[al].add(Asset("found", uri="x-t://found"), extra={{"n": 1}})
    go()

with DAG("both", schedule=(a & b)):
    @task
    def go(*, triggering_asset_events, dag_run):
        note("both", by=[e.extra.get("by") for e in triggering_asset_events[a]],
             source=triggering_asset_events[b][0].source_dag_run.dag_id, date=str(dag_run.logical_date))
    go()

with DAG("each", schedule=[a], max_active_runs=100):
    @task
    def go(): pass
    go()

with DAG("through", schedule=[al]):
    @task(inlets=[al])
    def go(*, inlet_events, triggering_asset_events):
        (event,) = triggering_asset_events.for_asset_alias(name="al")
        note("through", past=[e.asset.name for e in inlet_events[al]], n=event.extra)
    go()

watched = Asset("watched", watchers=[AssetWatcher(name="lines", trigger=Lines("{place}.lines"))])
with DAG("watches", schedule=[watched], max_active_runs=100):
    @task
    def go(*, triggering_asset_events):
        note("watched", lines=[e.extra["payload"] for e in triggering_asset_events[watched]])
    go()

regions, reports = Asset("regions", uri="x-t://regions"), Asset("reports", uri="x-t://reports")
with DAG("make_regions", schedule=PartitionedAtRuntime()):
    @task(outlets=[regions])
    def go(*, outlet_events): outlet_events[regions].add_partitions(["us", "eu"])
    go()

with DAG("by_region", schedule=PartitionedAssetTimetable(assets=regions)):
    @task(outlets=[reports])
    def go(*, triggering_asset_events, partition_key):
        note("region", key=partition_key, came=[e.partition_key for e in triggering_asset_events.get(regions, [])])
    go()

whole = RollupMapper(upstream_mapper=FixedKeyMapper("all"), window=SegmentWindow(["us", "eu"]))
with DAG("summary", schedule=PartitionedAssetTimetable(assets=reports, default_partition_mapper=whole)):
    @task
    def go(*, dag_run, triggering_asset_events):
        came = sorted(event.partition_key for event in triggering_asset_events[reports])
        note("summary", key=dag_run.partition_key, came=came)
    go()

class Thirds(Timetable):
    def __init__(self, length=3): self.length = length
    def serialize(self): return {{"length": self.length}}
    @classmethod
    def deserialize(cls, data): return cls(data["length"])
    def infer_manual_data_interval(self, *, run_after):
        return DataInterval(run_after - timedelta(days=self.length), run_after)
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        start = last_automated_data_interval.end if last_automated_data_interval else restriction.earliest
        end = start + timedelta(days=self.length)
        return None if restriction.latest and start > restriction.latest else DagRunInfo.interval(start, end)

with DAG("thirds", schedule=Thirds(), start_date=datetime(2024, 1, 1), end_date=datetime(2024, 1, 5), catchup=True):
    @task
    def go(data_interval_start): note("third", start=str(data_interval_start.date()))
    go()
"""
MINE = """
import asyncio, os
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

class Lines(BaseEventTrigger):
    def __init__(self, path):
        super().__init__()
        self.path, self.seen = path, 0
    def serialize(self):
        return "mine.Lines", {"path": self.path}
    async def run(self):
        while True:
            lines = open(self.path).read().split() if os.path.exists(self.path) else []
            for line in lines[self.seen:]:
                self.seen += 1
                yield TriggerEvent(line)
            await asyncio.sleep(0.02)
"""


class Whole:
    """A cell with engine and agent, and the DAGs above."""

    def __init__(self, home: Path) -> None:
        self.place = home / "said"
        self.cell = Cell(home / "cell")
        self.cell.spec = replace(self.cell.spec, airflow_version="3.3.2")
        cells.write(self.cell.layout.spec, self.cell.spec)
        bundle = self.cell.layout.bundle("bundle")
        bundle.mkdir()
        (bundle / "mine.py").write_text(MINE)
        (bundle / "f.py").write_text(FILE.format(place=self.place))
        with self.cell.db.begin() as conn:
            dags = [{**dag, "is_paused_upon_creation": False} for dag in parse_apart(bundle)]
            put_dags(conn, "bundle", "f.py", dags, time.time())
            put_dag_files(conn, [DagFile("f.py", "d", "bundle", time.time(), 0.1)])
        self.cell.start_engine()
        environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'runner' / 'sdk'}"}
        home_of = str(self.cell.layout.home)
        self.agent = subprocess.Popen([sys.executable, "-c", PROGRAM, home_of], env=environ)
        transport = httpx.HTTPTransport(uds=str(self.cell.layout.api_socket))
        self.http = httpx.Client(transport=transport, base_url="http://cell/api/v2", timeout=30)

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": "Bearer token", "X-Aerodrome-User": "ann", "X-Aerodrome-Role": "Admin"}

        wait_for(self.is_listening)
        return self.http.request(method, path, headers=headers, **more)

    def is_listening(self) -> bool:
        """Whether the engine's API answers: a client that is refused leaves its socket open."""
        with socket.socket(socket.AF_UNIX) as sock:
            try:
                sock.connect(str(self.cell.layout.api_socket))
            except OSError:
                return False
        return True

    def start(self, dag_id: str, **body: Any) -> dict[str, Any]:
        answer = self.call("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, **body})
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def said(self, word: str) -> list[dict[str, Any]]:
        lines = self.place.read_text().splitlines() if self.place.exists() else []
        return [found for line in lines if (found := json.loads(line))["word"] == word]

    def states(self, dag_id: str) -> Counter[str]:
        with self.cell.db.read() as conn:
            return Counter(
                conn.execute(sa.select(dag_run.c.state).where(dag_run.c.dag_id == dag_id)).scalars()
            )

    def restart_engine(self) -> None:
        assert self.cell.engine is not None
        self.cell.engine.kill()
        self.cell.engine.wait(10)
        self.cell.start_engine()

    def close(self) -> None:
        self.http.close()
        self.agent.kill()
        self.agent.wait(10)
        self.cell.close()


def parse_apart(bundle: Path) -> list[dict[str, Any]]:
    """The DAGs of f.py, parsed in another process, so that nothing of it stays in this one."""
    program = "import json, sys; from airflow._task.parse import parse; print(json.dumps(parse(sys.argv[1], 'f.py')))"
    paths = f"{ROOT / 'runner' / 'sdk'}:{bundle}"
    environ = {**os.environ, "PYTHONPATH": paths, "AERODROME_AIRFLOW_VERSION": "3.3.2"}
    command = [sys.executable, "-c", program, str(bundle)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["error"] is None, result["error"]
    found: list[dict[str, Any]] = result["dags"]
    return found


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    made = Whole(tmp_path)
    yield made
    made.close()


def test_consumer_runs_when_its_condition_is_met_and_sees_what_led_to_it(whole: Whole) -> None:
    whole.start("make_a", dag_run_id="first")
    wait_for(lambda: whole.states("make_a") == {"success": 1} and whole.states("each") == {"success": 1})
    assert not whole.states("both")
    whole.start("make_b")
    (told,) = wait_for(lambda: whole.said("both"))
    assert told == {"word": "both", "by": ["first"], "source": "make_b", "date": "None"}
    (told,) = wait_for(lambda: whole.said("through"))
    assert told == {"word": "through", "past": ["found"], "n": {"n": 1}}
    wait_for(lambda: whole.states("both") == {"success": 1})
    shown = whole.call("GET", "/assets", params={"order_by": "name"}).json()
    names = [item["name"] for item in shown["assets"]]
    assert names == ["a", "b", "found", "made", "regions", "reports", "watched"]
    (run,) = whole.call("GET", "/dags/both/dagRuns").json()["dag_runs"]
    assert run["run_type"] == "asset_triggered" and run["triggered_by"] == "asset"
    events = whole.call("GET", f"/dags/both/dagRuns/{run['dag_run_id']}/upstreamAssetEvents").json()
    assert [event["name"] for event in events["asset_events"]] == ["a", "b"]
    number = next(item["id"] for item in shown["assets"] if item["name"] == "made")
    run = whole.call("POST", f"/assets/{number}/materialize").json()
    assert (run["dag_id"], run["run_type"]) == ("made", "asset_materialization")
    wait_for(lambda: whole.states("made") == {"success": 1})


def test_partition_runs_when_all_of_it_has_come_and_hands_its_key_on(whole: Whole) -> None:
    whole.start("make_regions")
    wait_for(lambda: whole.states("summary") == {"success": 1})
    regions = sorted(whole.said("region"), key=lambda said: str(said["key"]))
    assert [(said["key"], said["came"]) for said in regions] == [("eu", ["eu"]), ("us", ["us"])]
    (told,) = whole.said("summary")
    assert (told["key"], told["came"]) == ("all", ["eu", "us"])
    runs = whole.call("GET", "/dags/by_region/dagRuns", params={"partition_key_pattern": "US"}).json()[
        "dag_runs"
    ]
    assert [run["partition_key"] for run in runs] == ["us"]
    events = whole.call("GET", f"/dags/by_region/dagRuns/{runs[0]['dag_run_id']}/upstreamAssetEvents").json()
    (event,) = events["asset_events"]
    assert (event["partition_key"], event["created_dagruns"][0]["partition_key"]) == ("us", "us")
    number = event["asset_id"]
    whole.call("POST", "/assets/events", json={"asset_id": number, "partition_key": "ap"})
    wait_for(lambda: whole.states("by_region") == {"success": 3})
    run = whole.start("by_region", partition_key="by hand")
    assert (run["partition_key"], run["run_type"]) == ("by hand", "manual")
    wait_for(lambda: {said["key"] for said in whole.said("region")} == {"eu", "us", "ap", "by hand"})
    assert whole.states("summary") == {"success": 1}


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_event_makes_its_run_once_though_the_engine_is_killed_again_and_again(whole: Whole) -> None:
    chance = random.Random(5)
    for number in range(24):
        whole.start("make_a", dag_run_id=f"r{number}")
        if number % 4 == 3:
            time.sleep(chance.uniform(0, 0.3))  # no wait: it says where in its work the engine is hit
            whole.restart_engine()
    wait_for(lambda: whole.states("make_a") == {"success": 24}, 120)
    wait_for(lambda: set(whole.states("each")) == {"success"} and not waiting(whole, "each"), 60)
    with whole.cell.db.read() as conn:
        extras = conn.execute(sa.select(asset_event.c.extra).join(asset).where(asset.c.name == "a")).scalars()
        assert sorted(json.loads(extra)["by"] for extra in extras) == sorted(f"r{n}" for n in range(24))
        of_each = sa.select(dag_run_asset_event.c.event).join(dag_run).where(dag_run.c.dag_id == "each")
        taken = Counter(conn.execute(of_each).scalars())
        tries = sa.select(task_instance.c.try_number).where(task_instance.c.dag_id == "each")
        assert len(taken) == 24 and set(taken.values()) == {1}
        assert set(conn.execute(tries).scalars()) == {1}


def waiting(whole: Whole, dag_id: str) -> int:
    with whole.cell.db.read() as conn:
        query = sa.select(sa.func.count()).select_from(asset_queue).where(asset_queue.c.dag_id == dag_id)
        return int(conn.execute(query).scalar_one())


def test_watcher_starts_a_run_for_what_it_sees(whole: Whole) -> None:
    lines = Path(f"{whole.place}.lines")
    lines.write_text("one\n")
    wait_for(lambda: [told["lines"] for told in whole.said("watched")] == [["one"]])
    with lines.open("a") as file:
        file.write("two\n")
    wait_for(lambda: [told["lines"] for told in whole.said("watched")] == [["one"], ["two"]])


def test_timetable_of_the_dag_file_decides_when_runs_are_and_what_they_cover(whole: Whole) -> None:
    wait_for(lambda: whole.states("thirds") == {"success": 2})
    assert sorted(told["start"] for told in whole.said("third")) == ["2024-01-01", "2024-01-04"]
    run = whole.start("thirds", logical_date="2024-02-10T00:00:00Z")
    assert (run["data_interval_start"], run["data_interval_end"]) == (
        "2024-02-07T00:00:00Z",
        "2024-02-10T00:00:00Z",
    )
    with whole.cell.db.read() as conn:
        query = sa.select(dag.c.next_run_after).where(dag.c.dag_id == "thirds")
        assert conn.execute(query).scalar_one() is None
