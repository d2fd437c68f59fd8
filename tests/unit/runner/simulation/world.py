"""A cell in one thread: the real scheduler on a real database, a simulated agent, a virtual clock, and faults.

A seed decides everything. `World.step` does one thing; every committed transaction is followed by the invariants.
"""

from __future__ import annotations

import logging
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import sqlalchemy as sa
from airflow._wire.cell import Bucket, CellSpec
from sqlalchemy.exc import OperationalError

from runner.domain.states import DagRunState, TaskInstanceState
from runner.events import DagsChanged, Event, RunChanged, RunCreated
from runner.scheduler import loop
from runner.scheduler.loop import Scheduler
from runner.store import dags, meta
from runner.store.database import Connection, Database
from runner.store.pools import Pool, put_pool
from runner.store.runs import NewRun, insert_run
from runner.store.schema import dag_run, task_instance
from runner.store.task_instances import clear, mark_run, set_state
from tests.unit.runner.simulation.agents import Agent, Hub, Net
from tests.unit.runner.simulation.dags import BUNDLES, POOLS, START, make_dags
from tests.unit.runner.simulation.invariants import (
    Violation,
    check_commit,
    check_end,
    check_processes,
    check_works,
)

_TRIGGER = """CREATE TRIGGER sim AFTER UPDATE OF state ON task_instance WHEN old.state IS NOT new.state
BEGIN INSERT INTO sim_log VALUES (old.id, old.state, new.state); END"""
COMMIT_FAULTS = (
    "refuse",
    "refuse at commit",
    "crash before commit",
    "crash after commit",
    "meddle",
    "meddle",
)
FAULTS = ("cut", "agent", "agent", "engine", "clock", "repeat")
POLLED = 8.0
"""So long after a person's edit, the engine may not know of it."""


class Crash(BaseException):
    """kill -9 of the engine. No handler may stop it."""


def make_template(path: Path, loose: bool = False) -> None:
    """An empty cell's database, to be copied for each world. `loose`: without the unique keys of runs."""
    db = Database(f"sqlite:///{path}")
    kept = {item for item in dag_run.constraints if not (loose and isinstance(item, sa.UniqueConstraint))}
    with mock.patch.object(dag_run, "constraints", kept):
        db.create_or_migrate()
    with db.begin() as conn:
        conn.execute(sa.text("CREATE TABLE sim_log (ti INTEGER, old TEXT, new TEXT)"))
        conn.execute(sa.text(_TRIGGER))
        for name, slots in POOLS.items():
            put_pool(conn, Pool(name, slots, None, False))
    with db.begin() as conn:
        conn.execute(sa.text("SELECT 1"))
    with db._engine.connect() as conn:
        conn.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    db.dispose()


class FaultyDatabase(Database):
    """A database that refuses, and in whose transactions the engine dies, when the world says so."""

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url)
        self._world = world
        for engine in (self._engine, self._reading):
            sa.event.listen(engine, "connect", _hurry)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        world = self._world
        fault = world.choose_fault()
        if fault == "meddle":
            world.act()
        if fault == "refuse":
            raise OperationalError("BEGIN", {}, Exception("the database is away"))
        try:
            with super().begin() as conn:
                yield conn
                if fault == "crash before commit":
                    raise Crash
                if fault == "refuse at commit":
                    raise OperationalError("COMMIT", {}, Exception("the database went away"))
        except BaseException:
            world.after_rollback()
            raise
        world.check(by_user=False)
        if fault == "crash after commit":
            raise Crash


def _hurry(connection: object, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")  # type: ignore[attr-defined]


class World:
    """One seed's cell."""

    def __init__(self, seed: int, home: Path, template: Path) -> None:
        self.seed, self.rng = seed, random.Random(seed)
        self.steps, self.faulty = 0, True
        self.met: Counter[str] = Counter()
        """How often each kind of fault has happened."""
        self.steady, self.offset = 1000.0, START - 1000.0
        path = home / f"{seed}-{sum(1 for _ in home.iterdir())}.db"  # one life's WAL is none of another's
        shutil.copyfile(template, path)
        self.db = Database(f"sqlite:///{path}")
        for engine in (self.db._engine, self.db._reading):
            sa.event.listen(engine, "connect", _hurry)
        self.engine_db = FaultyDatabase(f"sqlite:///{path}", self)
        self.pinned: dict[int, str] = {}
        self.edits: dict[int, float] = {}
        self.late: list[Callable[[Connection], None]] = []
        """Writes that a planted bug made outside of the transaction."""
        self._count = 0
        self.net = Net(self.rng, lambda: self.steady)
        self.agent = Agent(self.rng, self.net, lambda: self.steady, self.wall)
        self.scheduler: Scheduler | None = None
        self.put_files(BUNDLES[0])

    def wall(self) -> float:
        return self.steady + self.offset

    def run(self, steps: int) -> None:
        """Live through so many steps with faults, then come to rest. Raises Violation, which names the seed."""
        try:
            for _ in range(steps):
                self.step()
            self.settle()
        except Violation as error:
            raise Violation(f"seed {self.seed}, step {self.steps}: {error}") from error
        finally:
            self.close()

    def close(self) -> None:
        if self.scheduler is not None:
            self.scheduler._questions.close()
        self.db.dispose()
        self.engine_db.dispose()

    # ---- one step

    def step(self) -> None:
        """Something goes wrong, perhaps; somebody acts, perhaps; time passes; the agent and the engine have a turn."""
        self.steps += 1
        if self.faulty and self.rng.random() < 0.08:
            self.go_wrong()
        if self.faulty and self.rng.random() < 0.08:
            self.act()
        self.pass_time(self.rng.choice((0.0, 0.0, 0.05, 0.5, 2.0, 6.0)))

    def pass_time(self, seconds: float) -> None:
        self.steady += seconds
        self.agent.step()
        check_processes(self)
        self.turn()
        self.check_handed()

    def turn(self) -> None:
        """The engine's turn; a dead one is started again."""
        try:
            if self.scheduler is None:
                self.start_engine()
            assert self.scheduler is not None
            self.scheduler.turn()
        except Crash:
            self.lose_engine()
        except OperationalError:
            self.lose_engine()  # it could not even begin

    def start_engine(self) -> None:
        hub = self.net.hub = Hub(self.net)
        bucket = Bucket("b", "dags")
        spec = CellSpec("sim", "3.3.1", "", bucket, bucket, python="python", sdk="sdk", token="t")
        with mock.patch.object(loop, "Hub", lambda _path: hub):
            self.scheduler = Scheduler(
                self.engine_db,
                spec,
                Path("none"),
                clock=self.wall,
                steady=lambda: self.steady,
                new_attempt=self.new_attempt,
            )
        with self.engine_db.begin() as conn:
            self.scheduler._epoch = meta.begin_epoch(conn)
        self.scheduler._batch.load_all = True

    def lose_engine(self) -> None:
        if self.scheduler is not None:
            self.scheduler._questions.close()
        if self.rng.random() < 0.5:
            self.agent.take_rest()
        self.net.cut()
        self.net.hub = self.scheduler = None

    def new_attempt(self) -> str:
        self._count += 1
        return f"{self.seed:08x}{self._count:024x}"[-32:]

    # ---- what goes wrong

    def choose_fault(self) -> str | None:
        """What happens to a transaction of the engine."""
        if not self.faulty or self.rng.random() > 0.12:
            return None
        fault = self.rng.choice(COMMIT_FAULTS)
        self.met[fault] += 1
        return fault

    def go_wrong(self) -> None:
        """Something outside of transactions."""
        fault = self.rng.choice(FAULTS)
        self.met[fault] += 1
        if fault == "cut":
            self.net.cut()
        elif fault == "agent":
            self.agent.die()
        elif fault == "engine":
            self.lose_engine()
        elif fault == "clock":
            self.offset += self.rng.choice((-3600.0, -30.0, 30.0))
        elif fault == "repeat":
            self.agent.repeat()
        if not self.agent.is_up and fault != "agent":
            self.agent.rise()

    def settle(self) -> None:
        """No more faults: within ten minutes of virtual time after the last run is due, all is over."""
        self.faulty = False
        self.agent.rise()
        self.agent.rate = 0.1
        self.offset = max(self.offset, START - 1000.0) + 600.0
        with self.db.begin() as conn:
            for name in self.dags:
                dags.set_paused(conn, name, False)
        self.tell(DagsChanged(), sure=True)
        for _ in range(400):
            self.pass_time(1.5)
            if self.is_quiet():
                break
        with self.db.begin() as conn:
            check_end(self, conn)

    def is_quiet(self) -> bool:
        if self.steps % 5:
            self.steps += 1
            return False
        self.steps += 1
        with self.db.read() as conn:
            try:
                check_end(self, conn)
            except Violation:
                return False
        return True

    # ---- what people do

    def act(self) -> None:
        """A person's action, in a transaction of its own; now and then the engine is not told."""
        with self.db.begin() as conn:
            events = self._act(conn)
        self.check(by_user=True)
        for event in events:
            self.tell(event)

    def _act(self, conn: Connection) -> list[Event]:
        now, action = self.wall(), self.rng.choice(_ACTIONS)
        tasks = conn.execute(sa.select(task_instance.c.id, task_instance.c.run)).all()
        if action in ("trigger", "pause", "version") or not tasks:
            return self._change_dag(conn, action, now)
        chosen = self.rng.sample(tasks, min(len(tasks), self.rng.choice((1, 1, 3))))
        ids, runs = [row.id for row in chosen], {row.run for row in chosen}
        if action == "clear":
            clear(conn, ids, now)
        elif action == "run":
            runs = {chosen[0].run}
            state = self.rng.choice((DagRunState.FAILED, DagRunState.SUCCESS))
            mark_run(conn, chosen[0].run, state, now, f"user set it to {state}")
        else:
            state = TaskInstanceState(action)
            set_state(conn, ids, state, now, f"user set it to {state}")
        self.edits.update(dict.fromkeys(runs, self.steady))
        return [RunChanged(run) for run in runs]

    def _change_dag(self, conn: Connection, action: str, now: float) -> list[Event]:
        if action == "version":
            self.put_files(self.rng.choice(BUNDLES), conn)
            return [DagsChanged()]
        if action == "pause":
            dags.set_paused(conn, self.rng.choice(sorted(self.dags)), self.rng.random() < 0.3)
            return [DagsChanged()]
        found = dags.find_runnable(conn, "manual")
        assert found is not None
        events: list[Event] = []
        for _ in range(self.rng.choice((1, 2))):
            self._count += 1
            run = NewRun("manual", f"m{self._count}", "manual", None, None, None, now, now)
            events.append(RunCreated(insert_run(conn, run, found.version_id, found.bundle, found.spec)))
        return events

    def tell(self, event: Event, sure: bool = False) -> None:
        if self.scheduler is not None and (sure or self.rng.random() < 0.7):
            self.scheduler.post(event)

    def put_files(self, bundle: str, conn: Connection | None = None) -> None:
        """A snapshot is parsed."""
        if conn is None:
            with self.db.begin() as fresh:
                self.put_files(bundle, fresh)
            return
        self.dags = {data["dag_id"]: data for data in make_dags(bundle)}
        known = make_dags(BUNDLES[1])
        self.specs = {(d["dag_id"], task["task_id"]): task for d in known for task in d["tasks"]}
        for data in self.dags.values():
            dags.put_dags(conn, bundle, data["file"], [data], self.wall(), paused_at_creation=False)

    # ---- looking

    def is_fresh_edit(self, run: int) -> bool:
        """Has somebody changed the run, so that the engine may not know yet?"""
        return self.steady - self.edits.get(run, -POLLED) < POLLED

    def check(self, by_user: bool) -> None:
        with self.db.begin() as conn:
            check_commit(self, conn, by_user)

    def check_handed(self) -> None:
        if self.agent.works:
            with self.db.read() as conn:
                rows = conn.execute(sa.select(dag_run.c.dag_id, dag_run.c.run_id, dag_run.c.bundle)).all()
            check_works(self, {f"{row.dag_id}/{row.run_id}": row for row in rows})

    def after_rollback(self) -> None:
        for write in self.late:
            with self.db.begin() as conn:
                write(conn)
        self.late.clear()


_ACTIONS = ("clear", "clear", "clear", "run", "success", "failed", "trigger", "trigger", "pause", "version")
logging.getLogger("runner.scheduler").setLevel(logging.CRITICAL)
