"""Runs, DAGs and what users do to task instances, on both databases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from runner.domain.states import DagRunState, TaskInstanceState
from runner.store import dags, runs, task_instances
from runner.store.database import Database, DatabaseError
from runner.store.runs import RunExists
from runner.store.schema import dag, dag_run, dag_version, task_instance, task_try
from tests.unit.runner.store.cells import make_dag, make_run

S = TaskInstanceState


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    db = Database(database_url)
    db.create_or_migrate()
    with db.begin() as conn:
        dags.put_dags(
            conn, "b1", "f.py", [make_dag("d", {"a": [], "b": ["a"], "c": ["b"]}, task__retries=2)], 5.0
        )
    yield db
    db.dispose()


def states(conn: Any, run: int) -> dict[str, str | None]:
    query = sa.select(task_instance.c.task_id, task_instance.c.state).where(task_instance.c.run == run)
    return {row.task_id: row.state for row in conn.execute(query)}


def force(conn: Any, run: int, task_id: str, state: str | None, **values: Any) -> int:
    where = (task_instance.c.run == run) & (task_instance.c.task_id == task_id)
    conn.execute(task_instance.update().where(where).values(state=state, **values))
    return int(conn.execute(sa.select(task_instance.c.id).where(where)).scalar_one())


def test_new_run_has_a_stateless_row_per_task_with_its_weight(db: Database) -> None:
    with db.begin() as conn:
        key = make_run(conn, "d")
        rows = conn.execute(sa.select(task_instance).where(task_instance.c.run == key)).all()
    assert {r.task_id: (r.state, r.attempt, r.max_tries, r.priority_weight) for r in rows} == {
        "a": (None, None, 3, 3),
        "b": (None, None, 3, 2),
        "c": (None, None, 3, 1),
    }


def test_second_run_of_an_id_or_a_date_is_refused_and_the_transaction_goes_on(db: Database) -> None:
    with db.begin() as conn:
        make_run(conn, "d", "r1", 100.0)
        for run_id, date in (("r1", 200.0), ("r2", 100.0)):
            with pytest.raises(RunExists, match=run_id):
                make_run(conn, "d", run_id, date)
        make_run(conn, "d", "r3", 300.0)
    with db.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(dag_run)).scalar() == 2


def test_ten_thousand_tasks_are_made_at_once(db: Database) -> None:
    edges: dict[str, list[str]] = {f"t{i}": [f"t{i - 1}"] if i else [] for i in range(10_000)}
    with db.begin() as conn:
        dags.put_dags(conn, "b1", "big.py", [make_dag("big", edges, file="big.py")], 5.0)
        begin = time.process_time()  # ours alone: neighbours change nothing
        make_run(conn, "big")
        assert time.process_time() - begin < 2.0  # about 0.2 s
        assert conn.execute(sa.select(sa.func.max(task_instance.c.priority_weight))).scalar() == 10_000


def test_run_moves_only_from_where_it_is(db: Database) -> None:
    with db.begin() as conn:
        key = make_run(conn, "d")
        assert runs.move_run(conn, key, DagRunState.QUEUED, DagRunState.RUNNING, 11.0)
        assert not runs.move_run(conn, key, DagRunState.QUEUED, DagRunState.RUNNING, 12.0)
        assert runs.move_run(conn, key, DagRunState.RUNNING, DagRunState.SUCCESS, 13.0)
        row = conn.execute(sa.select(dag_run).where(dag_run.c.id == key)).one()
        assert (row.state, row.start_date, row.end_date) == ("success", 11.0, 13.0)
        with pytest.raises(ValueError, match="no such step"):
            runs.move_run(conn, key, DagRunState.SUCCESS, DagRunState.RUNNING, 14.0)


def test_dag_gets_a_version_only_when_it_changed(db: Database) -> None:
    same = make_dag("d", {"a": [], "b": ["a"], "c": ["b"]}, task__retries=2)
    other = make_dag("d", {"a": []})
    with db.begin() as conn:
        assert dags.put_dags(conn, "b2", "f.py", [same], 6.0) == []
        assert dags.put_dags(conn, "b3", "f.py", [other], 7.0) == ["d"]
        rows = conn.execute(
            sa.select(dag_version.c.number, dag_version.c.bundle).order_by(dag_version.c.id)
        ).all()
        assert [tuple(row) for row in rows] == [(1, "b1"), (2, "b3")]


def test_dag_that_its_file_lost_is_stale_until_it_is_back(db: Database) -> None:
    def is_stale() -> Any:
        return conn.execute(sa.select(dag.c.is_stale)).scalar()

    with db.begin() as conn:
        assert dags.put_dags(conn, "b2", "f.py", [], 6.0) == ["d"]
        assert is_stale()
        assert dags.put_dags(conn, "b2", "f.py", [], 6.0) == []
        assert dags.put_dags(conn, "b3", "f.py", [make_dag("d", {"a": []})], 7.0) == ["d"]
        assert not is_stale()
        assert dags.drop_files(conn, ["f.py", "unknown.py"]) == ["d"]


@pytest.mark.parametrize(
    ("own", "default", "paused"), [(None, True, True), (None, False, False), (True, False, True)]
)
def test_new_dag_is_paused_by_its_own_word_or_the_default(
    db: Database, own: bool | None, default: bool, paused: bool
) -> None:
    with db.begin() as conn:
        data = make_dag("p", {}, file="p.py", is_paused_upon_creation=own)
        dags.put_dags(conn, "b", "p.py", [data], 6.0, paused_at_creation=default)
        assert ("p" in dags.list_paused(conn)) is paused


def test_bad_dag_writes_nothing(db: Database) -> None:
    cycle = make_dag("bad", {"a": ["b"], "b": ["a"]})
    with db.begin() as conn:
        with pytest.raises(ValueError, match="cycle among a, b"):
            dags.put_dags(conn, "b", "f.py", [make_dag("d", {}), cycle], 6.0)
        assert conn.execute(sa.select(sa.func.count()).select_from(dag_version)).scalar() == 1


def test_next_run_is_pointed_at_when_the_schedule_is_known(db: Database) -> None:
    table = {"kind": "delta", "seconds": 60.0, "interval": True}
    data = make_dag(
        "s", {}, file="s.py", timetable=table, start_date="1970-01-01T00:01:00+00:00", catchup=True
    )
    with db.begin() as conn:
        dags.put_dags(conn, "b", "s.py", [data], 1000.0)
        assert [(d.dag_id, d.info.run_after) for d in dags.list_due(conn, 1000.0)] == [("s", 120.0)]
        assert dags.list_due(conn, 119.0) == []
        assert dags.find_next_due(conn, 100.0) == 120.0
        dags.set_paused(conn, "s", True)
        assert dags.list_due(conn, 1000.0) == []


def test_cleared_task_starts_anew_with_all_its_tries(db: Database) -> None:
    with db.begin() as conn:
        key = make_run(conn, "d")
        runs.move_run(conn, key, DagRunState.QUEUED, DagRunState.RUNNING, 11.0)
        ti = force(conn, key, "a", "failed", try_number=3, attempt="x" * 32, start_date=1.0, end_date=2.0)
        runs.move_run(conn, key, DagRunState.RUNNING, DagRunState.FAILED, 12.0)
        done = task_instances.clear(conn, [ti, 999_999], 20.0)
        assert (done.moved, done.left, done.runs) == ((ti,), (999_999,), (key,))
        row = conn.execute(sa.select(task_instance).where(task_instance.c.id == ti)).one()
        assert (row.state, row.try_number, row.max_tries, row.end_date) == (None, 3, 6, None)
        assert conn.execute(sa.select(dag_run.c.state, dag_run.c.end_date)).one() == ("queued", None)
        kept = conn.execute(sa.select(task_try)).one()
        assert (kept.try_number, kept.state, kept.end_date) == (3, "failed", 2.0)


def test_running_task_is_told_to_restart_when_cleared(db: Database) -> None:
    with db.begin() as conn:
        key = make_run(conn, "d")
        ti = force(conn, key, "a", "running", try_number=1, attempt="x" * 32)
        task_instances.clear(conn, [ti], 20.0)
        assert states(conn, key)["a"] == "restarting"


def test_mark_moves_only_by_steps_that_exist(db: Database) -> None:
    with db.begin() as conn:
        key = make_run(conn, "d")
        a = force(conn, key, "a", "running", try_number=1, attempt="x" * 32)
        b = force(conn, key, "b", "restarting", try_number=1, attempt="y" * 32)
        done = task_instances.set_state(conn, [a, b], S.SUCCESS, 20.0)
        assert (done.moved, done.left) == ((a,), (b,))
        with pytest.raises(ValueError, match="cannot mark"):
            task_instances.set_state(conn, [a], S.RUNNING, 20.0)


def test_run_marked_failed_fails_what_runs_and_skips_the_rest(db: Database) -> None:
    with db.begin() as conn:
        key = make_run(conn, "d")
        force(conn, key, "a", "success", end_date=1.0)
        force(conn, key, "b", "running", attempt="x" * 32)
        assert task_instances.mark_run(conn, key, DagRunState.FAILED, 20.0)
        assert states(conn, key) == {"a": "success", "b": "failed", "c": "skipped"}


def test_deleted_run_takes_its_tasks_along(db: Database) -> None:
    with db.begin() as conn:
        key = make_run(conn, "d")
        assert runs.delete_run(conn, key)
        assert not runs.delete_run(conn, key)
        assert states(conn, key) == {}


@pytest.mark.parametrize(
    "values", [{"state": "dancing"}, {"state": "running"}, {"state": "queued", "end_date": 1.0}]
)
def test_database_refuses_rows_that_cannot_be(db: Database, values: dict[str, Any]) -> None:
    with db.begin() as conn:
        key = make_run(conn, "d")
    with pytest.raises(DatabaseError), db.begin() as conn:
        force(conn, key, "a", **values)
