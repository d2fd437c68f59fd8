"""Runs that assets and users' timetables ask for: the scheduler over a real socket and a real database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from airflow._wire import messages
from sqlalchemy.exc import OperationalError

from runner.events import DagsChanged, RunCreated
from runner.scheduler import consulting
from runner.scheduler.loop import Scheduler
from runner.store import asset_events, asset_queue, partition_waits
from runner.store.dags import set_paused
from runner.store.schema import asset, asset_event, dag, dag_file, dag_run, dag_run_asset_event
from tests.processes.cells import Cell, make_dag, wait_for
from tests.processes.fake_agent import FakeAgent


def ref(name: str) -> dict[str, Any]:
    return {"kind": "asset", "name": name, "uri": f"x://{name}", "group": "asset", "extra": {}}


def consumer(dag_id: str, condition: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return make_dag(dag_id, {"t": []}, timetable={"kind": "asset", "condition": condition}, **fields)


def producer(dag_id: str) -> dict[str, Any]:
    """Its task `t` updates the asset of the DAG's name."""
    return make_dag(dag_id, {"t": []}, task={"outlets": [ref(dag_id)]})


def say(workload: dict[str, Any]) -> dict[str, Any]:
    """Every task succeeds; one of a DAG that is named like an asset has updated that."""
    name = workload["dag_id"]
    events = (
        [{"asset": ref(name), "extra": {"by": workload["run_id"]}, "alias": None}] if len(name) == 1 else []
    )
    now = time.time()
    return messages.outcome("success", started_at=now, ended_at=now, details={"asset_events": events})


class Agent(FakeAgent):
    """Answers for timetables, too."""

    answer: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def handle(self, message: dict[str, Any]) -> None:
        super().handle(message)
        if message["kind"] == "ask_timetable" and self.answer is not None:
            self.send(self.answer(message))


class Rig:
    """A cell whose scheduler runs in a thread, and an agent without processes."""

    def __init__(self, cell: Cell, version: str) -> None:
        self.cell = cell
        spec = replace(cell.spec, airflow_version=version)
        self.scheduler = Scheduler(cell.db, spec, cell.layout.engine_socket)
        self.thread = threading.Thread(target=self.scheduler.run, name="scheduler")
        self.agent = Agent(cell.layout.engine_socket, decide=say)
        self.thread.start()

    def connect(self) -> None:
        self.agent.connect()
        self.agent.serve(lambda: self.agent.epochs)

    def put(self, *dags: dict[str, Any]) -> None:
        self.cell.put(*dags)
        self.scheduler.post(DagsChanged())

    def produce(self, dag_id: str, run_id: str) -> None:
        key = self.cell.trigger(dag_id, run_id)
        self.scheduler.post(RunCreated(key))
        self.serve(lambda: self.cell.run_state(key) == "success")

    def serve(self, until: Callable[[], Any]) -> None:
        self.agent.serve(lambda: until() and not self.agent.held)

    def runs(self, dag_id: str) -> list[Any]:
        with self.cell.db.read() as conn:
            query = sa.select(dag_run).where(dag_run.c.dag_id == dag_id).order_by(dag_run.c.id)
            return list(conn.execute(query))

    def taken(self, run: int) -> list[str]:
        """The assets whose events a run took."""
        query = (
            sa.select(asset.c.name)
            .join(asset_event, asset_event.c.asset == asset.c.id)
            .join(dag_run_asset_event, dag_run_asset_event.c.event == asset_event.c.id)
            .where(dag_run_asset_event.c.run == run)
            .order_by(asset_event.c.id)
        )
        with self.cell.db.read() as conn:
            return list(conn.execute(query).scalars())

    def close(self) -> None:
        self.scheduler.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.agent.close()


@pytest.fixture(params=["2.10.3", "3.3.2"])
def rig(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Rig]:
    cell = Cell(tmp_path / "cell", database_url)
    made = Rig(cell, request.param)
    made.connect()
    yield made
    made.close()
    cell.close()


def test_run_is_made_once_when_all_assets_were_updated(rig: Rig) -> None:
    rig.put(producer("a"), producer("b"), consumer("both", {"all": [ref("a"), ref("b")]}))
    rig.produce("a", "r1")
    rig.produce("a", "r2")
    assert rig.runs("both") == []
    rig.produce("b", "r1")
    rig.serve(lambda: [run.state for run in rig.runs("both")] == ["success"])
    (run,) = rig.runs("both")
    assert rig.taken(run.id) == ["a", "a", "b"]
    if rig.scheduler._decider._rules.generation >= 3:
        assert (run.run_type, run.logical_date, run.interval_start) == ("asset_triggered", None, None)
        assert run.run_id.startswith("asset_triggered__20")
    else:
        assert run.run_type == "dataset_triggered" and run.logical_date == run.run_after
        assert run.run_id.startswith("dataset_triggered__20")
    rig.produce("b", "r2")
    assert len(rig.runs("both")) == 1


def test_condition_met_again_while_the_dag_is_full_makes_one_run_afterwards(rig: Rig) -> None:
    rig.put(producer("a"), consumer("slow", ref("a"), max_active_runs=1))
    rig.agent.decide = lambda w: None if w["dag_id"] == "slow" else say(w)
    for number in (1, 2, 3):
        key = rig.cell.trigger("a", f"r{number}")
        rig.scheduler.post(RunCreated(key))
        rig.agent.serve(lambda key=key: rig.cell.run_state(key) == "success")
    assert len(rig.runs("slow")) == 1
    rig.agent.serve(lambda: any(outcome is None for outcome in rig.agent.held.values()))
    (attempt,) = [attempt for attempt, outcome in rig.agent.held.items() if outcome is None]
    rig.agent.decide = say
    rig.agent.finish(attempt, messages.outcome("success", started_at=1.0, ended_at=time.time()))
    rig.serve(lambda: [run.state for run in rig.runs("slow")] == ["success", "success"])
    assert [rig.taken(run.id) for run in rig.runs("slow")] == [["a"], ["a", "a"]]


def test_paused_dag_runs_once_it_is_resumed_and_something_happens(rig: Rig) -> None:
    rig.put(producer("a"), consumer("c", ref("a")))
    with rig.cell.db.begin() as conn:
        set_paused(conn, "c", True)
    rig.scheduler.post(DagsChanged())
    rig.produce("a", "r1")
    with rig.cell.db.begin() as conn:
        set_paused(conn, "c", False)
    rig.scheduler.post(DagsChanged())
    rig.produce("a", "r2")
    rig.serve(lambda: [run.state for run in rig.runs("c")] == ["success"])
    assert rig.taken(rig.runs("c")[0].id) == ["a", "a"]


def test_asset_or_time_runs_for_both(rig: Rig) -> None:
    time_part = {"kind": "cron", "expression": "0 0 * * *", "timezone": "UTC", "interval": True}
    table = {"kind": "asset_or_time", "condition": ref("a"), "time": time_part}
    start = "2024-01-01T00:00:00+00:00"
    rig.put(producer("a"), make_dag("d", {"t": []}, timetable=table, start_date=start, catchup=False))
    rig.serve(lambda: [run.run_type for run in rig.runs("d")] == ["scheduled"])
    rig.produce("a", "r1")
    rig.serve(lambda: {run.state for run in rig.runs("d")} == {"success"} and len(rig.runs("d")) == 2)


def test_event_of_the_api_and_of_a_watcher_start_runs(rig: Rig) -> None:
    rig.put(producer("a"), consumer("c", ref("a")))
    with rig.cell.db.begin() as conn:
        number = conn.execute(sa.select(asset.c.id)).scalar_one()
        asset_events.put_event(conn, number, {"from_rest_api": True}, time.time())
    rig.scheduler.post(DagsChanged())
    rig.serve(lambda: [run.state for run in rig.runs("c")] == ["success"])


def test_what_a_task_says_that_is_no_event_undoes_no_success(rig: Rig) -> None:
    rig.put(producer("a"), consumer("c", ref("a")))
    rig.agent.decide = lambda w: {**say(w), "details": {"asset_events": [{"asset": "?", "extra": 1}]}}
    rig.produce("a", "r1")
    assert rig.runs("c") == []


def test_run_is_made_exactly_once_when_its_transaction_fails_halfway(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed = asset_queue.take, []

    def fail_once(*args: Any) -> None:
        real(*args)
        if not failed:
            failed.append(True)
            raise OperationalError("the database went away", {}, Exception())

    monkeypatch.setattr(asset_queue, "take", fail_once)
    rig.put(producer("a"), consumer("c", ref("a")))
    rig.produce("a", "r1")
    rig.serve(lambda: [run.state for run in rig.runs("c")] == ["success"])
    assert failed and rig.taken(rig.runs("c")[0].id) == ["a"]
    with rig.cell.db.read() as conn:
        assert len(conn.execute(sa.select(asset_event.c.id)).all()) == 1


def test_partition_gets_its_run_exactly_once_when_its_transaction_fails_halfway(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed = partition_waits.take, []

    def fail_once(*args: Any) -> int:
        taken = real(*args)
        if not failed:
            failed.append(True)
            raise OperationalError("the database went away", {}, Exception())
        return taken

    def say_parts(workload: dict[str, Any]) -> dict[str, Any]:
        said = say(workload)
        events = said["details"]["asset_events"]
        said["details"]["asset_events"] = [
            {**event, "partition": key} for event in events for key in ("us", "eu")
        ]
        return said

    monkeypatch.setattr(partition_waits, "take", fail_once)
    rig.agent.decide = say_parts
    partitions = {"default": {"kind": "identity"}, "name": {}, "uri": {}}
    table = {"kind": "asset", "condition": ref("a"), "partitions": partitions}
    rig.put(producer("a"), make_dag("parted", {"t": []}, timetable=table, max_active_runs=1))
    rig.produce("a", "r1")
    rig.serve(lambda: [run.state for run in rig.runs("parted")] == ["success"] * 2)
    assert failed and [run.partition_key for run in rig.runs("parted")] == ["us", "eu"]
    assert [rig.taken(run.id) for run in rig.runs("parted")] == [["a"], ["a"]]
    told = [work["run"].get("partition_key") for work in rig.agent.runs if work["dag_id"] == "parted"]
    assert told == ["us", "eu"]


CUSTOM = {"kind": "custom", "classpath": "mine.Workdays", "data": {}}


def custom(dag_id: str, **fields: Any) -> dict[str, Any]:
    return make_dag(
        dag_id, {"t": []}, timetable=CUSTOM, start_date="2024-01-01T00:00:00+00:00", catchup=True, **fields
    )


def test_timetable_of_a_user_is_asked_after_each_run_until_it_has_no_more(rig: Rig) -> None:
    first = 1704067200.0
    asked: list[Any] = []

    def answer(message: dict[str, Any]) -> dict[str, Any]:
        question = message["question"]
        asked.append(question["last"])
        start = first if question["last"] is None else question["last"][1]
        done = start >= first + 3 * 86400
        said = {} if done else {"start": start, "end": start + 86400.0, "run_after": start + 90000.0}
        return messages.timetable_answered(message["id"], said)

    rig.agent.answer = answer
    rig.put(custom("d"))
    rig.serve(lambda: [run.state for run in rig.runs("d")] == ["success"] * 3 and len(asked) >= 4)
    assert [run.interval_start for run in rig.runs("d")] == [first + day * 86400 for day in range(3)]
    assert asked == [None, *([first + day * 86400, first + (day + 1) * 86400] for day in range(3))]
    assert rig.runs("d")[0].run_after == first + 90000.0


def test_broken_timetable_is_one_import_error_and_holds_up_no_other(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consulting, "AGAIN_SECONDS", 0.3)
    healthy: list[bool] = []

    def answer(message: dict[str, Any]) -> dict[str, Any]:
        if message["dag_id"] == "bad" and not healthy:
            return messages.timetable_answered(message["id"], None, "Traceback\nKeyError: 'moon'")
        first = message["question"]["last"] is None
        said = {"start": 0.0, "end": 60.0, "run_after": 60.0} if first else {}
        return messages.timetable_answered(message["id"], said)

    rig.agent.answer = answer
    with rig.cell.db.begin() as conn:
        row = {"path": "f.py", "digest": "d", "bundle": "bundle", "parsed_at": 1.0, "seconds": 0.1}
        conn.execute(dag_file.insert(), row)
    rig.put(custom("bad"), custom("good", end_date="2024-02-01T00:00:00+00:00"), producer("a"))
    rig.serve(lambda: rig.runs("good"))

    def error() -> str | None:
        with rig.cell.db.read() as conn:
            return conn.execute(sa.select(dag_file.c.error)).scalar_one()

    rig.serve(lambda: error() and "KeyError: 'moon'" in str(error()) and "DAG 'bad'" in str(error()))
    assert rig.runs("bad") == []
    rig.produce("a", "r1")
    healthy.append(True)
    rig.scheduler.post(DagsChanged())
    rig.serve(lambda: rig.runs("bad") and error() is None)


def test_timetable_that_stands_still_makes_no_second_run(rig: Rig) -> None:
    said = {"start": 0.0, "end": 60.0, "run_after": 60.0}
    rig.agent.answer = lambda message: messages.timetable_answered(message["id"], said)
    rig.put(custom("d"))
    rig.serve(lambda: rig.runs("d"))
    rig.serve(lambda: sum(m["kind"] == "ask_timetable" for m in rig.agent.received) >= 2)
    assert len(rig.runs("d")) == 1
    with rig.cell.db.read() as conn:
        wait_for(lambda: conn.execute(sa.select(dag.c.next_run_after)).scalar_one() is None)
