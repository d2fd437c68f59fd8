"""Two engine processes on one PostgreSQL database, as on two machines: one works, the other takes over."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner.store import leases
from runner.store.database import Database
from runner.store.meta import LEASE, find_fact
from tests.processes.cells import Cell, make_dag, wait_for
from tests.services import make_database

pytestmark = [pytest.mark.timeout(120), pytest.mark.service("postgresql")]
TAKE_OVER_SECONDS = 5.0


@pytest.fixture
def cells(tmp_path: Path, postgresql: str) -> Iterator[list[Cell]]:
    """Two homes, one database."""
    with make_database(postgresql) as url:
        made = [Cell(tmp_path / name, url) for name in ("one", "two")]
        yield made
        for cell in made:
            if cell.engine is not None and cell.engine.poll() is None:
                cell.engine.send_signal(signal.SIGCONT)
            cell.close()


def epoch(cell: Cell) -> int:
    with cell.db.read() as conn:
        lease = leases.parse(find_fact(conn, LEASE))
    return lease.epoch if lease else 0


def answers(cell: Cell) -> bool:
    """Its API and its agents' socket are there for the active engine only."""
    return cell.layout.api_socket.exists()


def start_both(cells: list[Cell]) -> tuple[Cell, Cell]:
    """The active one and its standby."""
    cells[0].start_engine()
    wait_for(lambda: answers(cells[0]))
    cells[1].start_engine()
    log = cells[1].layout.own_logs / "engine.log"
    wait_for(lambda: log.exists() and "standing by" in log.read_text())
    assert epoch(cells[0]) == 1 and not answers(cells[1])
    return cells[0], cells[1]


def serves(cell: Cell, number: int) -> bool:
    """Whether a run that was only written to the database is begun."""
    return cell.run_state(number) == "running"


def test_the_standby_schedules_within_seconds_when_the_active_engine_is_killed(cells: list[Cell]) -> None:
    active, standby = start_both(cells)
    active.put(make_dag("d", {"t": []}))
    assert active.engine is not None
    active.engine.kill()
    began = time.monotonic()
    active.engine.wait(10)
    run = standby.trigger("d")
    wait_for(lambda: epoch(standby) == 2 and answers(standby) and serves(standby, run))
    assert time.monotonic() - began <= TAKE_OVER_SECONDS


def test_an_engine_that_was_frozen_ends_when_it_finds_another_in_its_place(cells: list[Cell]) -> None:
    active, standby = start_both(cells)
    assert active.engine is not None
    os.kill(active.engine.pid, signal.SIGSTOP)
    began = time.monotonic()
    wait_for(lambda: epoch(standby) == 2 and answers(standby))
    assert time.monotonic() - began <= TAKE_OVER_SECONDS
    os.kill(active.engine.pid, signal.SIGCONT)
    active.engine.wait(15)
    assert epoch(standby) == 2
    active.start_engine()
    log = active.layout.own_logs / "engine.log"
    wait_for(lambda: "standing by" in log.read_text())
    assert standby.engine is not None and standby.engine.poll() is None


def test_the_same_home_waits_for_no_lease_of_its_own_when_its_engine_was_killed(cells: list[Cell]) -> None:
    active = cells[0]
    active.start_engine()
    wait_for(lambda: epoch(active) == 1)
    assert active.engine is not None
    active.engine.kill()
    active.engine.wait(10)
    active.start_engine()
    wait_for(lambda: epoch(active) == 2)
    assert "standing by" not in (active.layout.own_logs / "engine.log").read_text()


def test_the_standby_takes_over_at_once_when_the_active_engine_is_stopped(cells: list[Cell]) -> None:
    active, standby = start_both(cells)
    assert active.engine is not None
    active.engine.terminate()
    assert active.engine.wait(20) == 0
    wait_for(lambda: epoch(standby) == 2, 2.0)
    assert standby.engine is not None
    standby.engine.terminate()
    assert standby.engine.wait(20) == 0


def test_a_standby_ends_when_it_is_told_to(cells: list[Cell]) -> None:
    _active, standby = start_both(cells)
    assert standby.engine is not None
    standby.engine.terminate()
    assert standby.engine.wait(10) == 0


def test_two_engines_agree_when_they_find_an_empty_database(tmp_path: Path, postgresql: str) -> None:
    with make_database(postgresql) as url:
        pair = [Database(url) for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            assert len(set(pool.map(Database.create, pair))) == 1
        for db in pair:
            db.dispose()
