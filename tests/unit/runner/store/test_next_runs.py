"""The pointer to each DAG's next run: worked out once per schedule, whatever asks for it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from runner.domain.timetables import next_run
from runner.scheduler.creation import create_due
from runner.store import dags
from runner.store.database import Database
from runner.store.listing_dags import find_dag_row
from runner.store.schema import dag_run

NOW = 1_780_000_000.0


def daily(dag_id: str, hour: int = 3, minute: int = 5) -> dict[str, object]:
    table = {
        "kind": "cron",
        "expression": f"{minute} {hour} * * *",
        "timezone": "Europe/Paris",
        "interval": True,
    }
    tasks = [{"task_id": "a", "operator": "Op", "upstream": []}]
    return {
        "dag_id": dag_id,
        "file": "f.py",
        "timetable": table,
        "start_date": "2024-01-01T00:00:00+00:00",
        "tasks": tasks,
    }


@pytest.fixture
def db(tmp_path: Path):
    made = Database(f"sqlite:///{tmp_path / 'm.db'}")
    made.create_or_migrate()
    yield made
    made.dispose()


def test_dags_of_a_file_that_share_a_schedule_work_it_out_once(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(dags, "next_run", lambda *args: (asked.append(args), next_run(*args))[1])
    with db.begin() as conn:
        many = [daily(f"d{n}", hour=n % 2) for n in range(50)]
        assert len(dags.put_dags(conn, "bundle", "f.py", many, NOW)) == 50
    assert len(asked) == 2
    with db.read() as conn:
        rows = [find_dag_row(conn, f"d{n}") for n in range(2)]
    expected = [next_run(many[n]["timetable"], None, 1704067200.0, None, False, NOW) for n in range(2)]
    assert [row.next_run_after for row in rows] == [info.run_after for info in expected if info]


def test_a_thousand_cron_dags_are_taken_in_within_seconds(db: Database) -> None:
    began = time.thread_time()
    with db.begin() as conn:
        for n in range(1000):
            dags.put_dags(conn, "bundle", f"f{n}.py", [daily(f"d{n}", n % 24, n % 60)], NOW)
    assert time.thread_time() - began < 4.0  # the aim is 2 s on a machine of its own


def test_dag_with_a_deadline_that_has_no_interval_waits_and_holds_up_no_other(db: Database) -> None:
    late = {"name": "n", "number": 0, "reference": {"kind": "logical_date"}, "interval": None, "fault": "?"}
    found = []
    for deadline in (late, {**late, "interval": 60.0}):
        given = [{**daily("bad"), "deadlines": [deadline]}, daily("good")]
        given = [{**item, "catchup": True, "is_paused_upon_creation": False} for item in given]
        with db.begin() as conn:
            dags.put_dags(conn, "bundle", "f.py", given, NOW)
            made = create_due(conn, NOW, frozenset(), lambda key: dags.get_version(conn, key), False)
            runs = conn.execute(sa.select(dag_run.c.dag_id).where(dag_run.c.id.in_(made.keys))).scalars()
            found.append((sorted(runs), made.blocked))
    assert found == [(["good"], frozenset({"bad"})), (["bad", "good"], frozenset())]
