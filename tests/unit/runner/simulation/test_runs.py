"""The engine's rules for runs, on the simulated cell without faults: backfills, pauses, times, failures in a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from runner.domain.backfills import BackfillPlan, list_infos
from runner.events import DagsChanged, RunChanged, RunCreated
from runner.store import backfills, dags
from runner.store.runs import NewRun, insert_run
from runner.store.schema import backfill, dag_run, event_log
from tests.unit.runner.simulation.conftest import MakeWorld
from tests.unit.runner.simulation.dags import BUNDLES, START
from tests.unit.runner.simulation.world import World


@pytest.fixture
def calm(make_world: MakeWorld) -> Iterator[World]:
    """A cell in which nothing goes wrong and every task succeeds."""
    world = make_world(4_000)
    world.faulty, world.agent.rate = False, 0.0
    world.pass_time(0.1)
    yield world
    world.close()


def start_backfill(world: World, **fields: Any) -> int:
    plan = BackfillPlan("ruled", START - 400.0, START - 200.0, **fields)
    with world.db.begin() as conn:
        found = dags.find_runnable(conn, "ruled")
        assert found is not None
        infos = list_infos(plan, found.spec.timetable, world.wall())
        made = backfills.create(conn, plan, infos, found, "ann", world.wall())
    for key in made.created:
        world.tell(RunCreated(key), sure=True)
    return made.id


def watch(world: World, key: int, seconds: int) -> tuple[list[float], int]:
    """Logical dates in the order in which the backfill's runs start, and how many ran at once."""
    order: list[float] = []
    most = 0
    for _ in range(seconds):
        world.pass_time(1.0)
        with world.db.read() as conn:
            query = sa.select(dag_run.c.logical_date, dag_run.c.state).where(dag_run.c.backfill == key)
            rows = conn.execute(query.order_by(dag_run.c.start_date)).all()
        started = [row.logical_date for row in rows if row.state != "queued"]
        order += [date for date in started if date not in order]
        most = max(most, sum(row.state == "running" for row in rows))
    return order, most


def find_backfill(world: World, key: int) -> Any:
    with world.db.read() as conn:
        return conn.execute(sa.select(backfill).where(backfill.c.id == key)).one()


@pytest.mark.parametrize(("backwards", "most"), [(False, 1), (True, 1), (False, 2)])
def test_backfill_runs_in_its_order_and_within_its_own_limit(calm: World, backwards: bool, most: int) -> None:
    key = start_backfill(calm, max_active_runs=most, run_backwards=backwards)
    order, at_once = watch(calm, key, 250)
    expected = [START - 400.0 + 50.0 * number for number in range(5)]
    assert (order, at_once) == (expected[::-1] if backwards else expected, most)
    assert find_backfill(calm, key).completed_at is not None


def test_paused_backfill_or_dag_starts_none_of_its_runs(calm: World) -> None:
    key = start_backfill(calm, max_active_runs=1)
    for hold, dag_paused in ((True, False), (False, True)):
        with calm.db.begin() as conn:
            backfills.set_paused(conn, key, hold, calm.wall())
            dags.set_paused(conn, "ruled", dag_paused)
        calm.tell(DagsChanged(), sure=True)
        started, _most = watch(calm, key, 1)
        assert len(watch(calm, key, 60)[0]) <= max(1, len(started)), (hold, dag_paused)
    with calm.db.begin() as conn:
        dags.set_paused(conn, "ruled", False)
    calm.tell(DagsChanged(), sure=True)
    assert len(watch(calm, key, 250)[0]) == 5


def test_cancelled_backfill_leaves_running_runs_alone(calm: World) -> None:
    key = start_backfill(calm, max_active_runs=2)
    watch(calm, key, 2)
    with calm.db.begin() as conn:
        failed = backfills.cancel(conn, key, calm.wall())
    for run in failed:
        calm.tell(RunChanged(run), sure=True)
    watch(calm, key, 200)
    with calm.db.read() as conn:
        states = list(conn.execute(sa.select(dag_run.c.state).where(dag_run.c.backfill == key)).scalars())
    assert sorted(states) == ["failed"] * len(failed) + ["success"] * (5 - len(failed))
    assert 0 < len(failed) < 5


def test_run_of_a_later_time_waits_for_it(calm: World) -> None:
    with calm.db.begin() as conn:
        found = dags.find_runnable(conn, "manual")
        assert found is not None
        later = calm.wall() + 30.0
        run = NewRun("manual", "later", "manual", None, None, None, later, calm.wall())
        key = insert_run(conn, run, found.version_id, found.bundle, found.spec)
    calm.tell(RunCreated(key), sure=True)

    def state() -> str:
        with calm.db.read() as conn:
            return str(conn.execute(sa.select(dag_run.c.state).where(dag_run.c.id == key)).scalar_one())

    calm.pass_time(20.0)
    assert state() == "queued"
    calm.pass_time(10.5)
    assert state() == "running"


def test_dag_that_fails_again_and_again_is_paused_and_says_why(calm: World) -> None:
    data = {**calm.dags["chain"], "max_consecutive_failed_dag_runs": 2, "max_active_runs": 1}
    with calm.db.begin() as conn:
        dags.put_dags(conn, BUNDLES[0], data["file"], [data], calm.wall(), paused_at_creation=False)
    calm.tell(DagsChanged(), sure=True)
    calm.agent.rate = 1.0
    for _ in range(300):
        calm.pass_time(1.0)
    with calm.db.read() as conn:
        states = conn.execute(sa.select(dag_run.c.state).where(dag_run.c.dag_id == "chain")).scalars()
        assert list(states) == ["failed", "failed"], "no more were made"
        assert "chain" in dags.list_paused(conn)
        entry = conn.execute(sa.select(event_log)).one()
    assert (entry.event, entry.dag_id, entry.owner) == ("paused", "chain", "scheduler")
    assert "last 2 runs failed" in entry.extra
