"""Histories of events as Airflow 3.3.2's own scheduler took them: the same runs, of the same events, in the same turns.

`partition_histories.json` was recorded with a real Airflow from random histories over `partition_schedules.py`. A turn
is one look of its scheduler; events are numbered as they come. In none of them does a reference (`Asset.ref`) leave a
schedule: Airflow's DAG hears of its asset afterwards, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from runner.domain.assets import Leaf, Update
from runner.scheduler.asset_runs import AssetRuns
from runner.store import asset_events, dags, listing_asset_events
from runner.store.asset_events import NewEvent
from runner.store.database import Connection, Database
from runner.store.schema import dag_run, event_log
from tests.unit.runner.store.cells import make_dag
from tests.unit.runner.store.partition_schedules import make_schedules

HISTORIES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "partition_histories.json").read_text())
TOLD = ("missing partition key", "failed to map partition_key", "partition fan-out exceeded")


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    made.create_or_migrate()
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def tables() -> list[dict[str, Any]]:
    return [schedule.to_wire("UTC") for schedule in make_schedules()]


class Replay:
    """One history, step by step."""

    def __init__(self, conn: Connection, tables: list[dict[str, Any]]) -> None:
        self.conn, self.tables = conn, tables
        self.memory, self.events, self.now = AssetRuns(3), list[int](), 1.0

    def put(self, dag_id: str, number: int) -> None:
        made = make_dag(dag_id, {"t": []}, file=f"{dag_id}.py", timetable=self.tables[number])
        dags.put_dags(self.conn, "b", f"{dag_id}.py", [made], self.now)
        self.memory.forget()

    def send(self, name: str, key: str | None, date: float | None) -> None:
        update = Update(Leaf("asset", name, f"x-t://{name}/x"), {})
        self.events += asset_events.put_events(
            self.conn, [NewEvent(update, partition=key, date=date)], self.now
        )

    def turn(self) -> list[list[Any]]:
        made = self.memory.create(
            self.conn, self.now, frozenset(), lambda version: dags.get_version(self.conn, version)
        )
        return [self._describe(key) for key in made.keys]

    def _describe(self, key: int) -> list[Any]:
        run = self.conn.execute(sa.select(dag_run).where(dag_run.c.id == key)).one()
        taken = [self.events.index(row.id) for row in listing_asset_events.list_of_run(self.conn, key)]
        return [run.dag_id, run.partition_key, run.partition_date, sorted(taken)]

    def replay(self, history: dict[str, Any]) -> list[list[list[Any]]]:
        """The runs of each turn."""
        produced = [{"kind": "asset", "name": n, "uri": f"x-t://{n}/x", "group": "asset"} for n in "abc"]
        producer = make_dag("prod", {"t": []}, file="prod.py")
        producer["tasks"][0]["outlets"] = produced
        dags.put_dags(self.conn, "b", "prod.py", [producer], self.now)
        for dag_id, number in history["dags"].items():
            self.put(dag_id, number)
        turns = []
        for what, *rest in history["steps"]:
            self.now += 1.0
            if what == "event":
                self.send(*rest)
            elif what == "swap":
                self.put(*rest)
            elif what == "pause":
                dags.set_paused(self.conn, *rest)
            else:
                turns.append(self.turn())
        return turns


def test_runs_are_those_that_airflow_made(db: Database, tables: list[dict[str, Any]]) -> None:
    assert sum(len(turn) for history in HISTORIES for turn in history["runs"]) > 150
    chosen = HISTORIES if db.is_sqlite else HISTORIES[::6]
    with db.begin() as conn:
        for number, history in enumerate(chosen):
            undone = conn.begin_nested()
            found = Replay(conn, tables).replay(history)
            said = conn.execute(sa.select(event_log.c.event).where(event_log.c.event.in_(TOLD))).scalars()
            assert [sorted(map(_order, turn)) for turn in found] == [
                sorted(map(_order, turn)) for turn in history["runs"]
            ], number
            assert sorted(said) == history["told"], number
            undone.rollback()


def _order(run: list[Any]) -> tuple[Any, ...]:
    return (run[0], run[1], run[2] or 0.0, run[3])
