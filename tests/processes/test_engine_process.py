"""The engine as a process: killed at any moment it is followed by one that adopts; stopped, it goes quietly."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow._wire import messages

from runner.process import EX_TEMPFAIL
from tests.processes.cells import Cell, make_dag, make_fan
from tests.processes.fake_agent import FakeAgent

KILLS = 20


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Cell]:
    cell = Cell(tmp_path / "cell")
    yield cell
    cell.close()


@pytest.fixture
def agent(cell: Cell) -> Iterator[FakeAgent]:
    agent = FakeAgent(cell.layout.engine_socket, slots=8)
    yield agent
    agent.close()


def connect(agent: FakeAgent) -> None:
    agent.connect(30.0)
    agent.serve(lambda: agent.epochs)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.timeout(300)
def test_twenty_kills_amid_a_thousand_tasks_leave_each_run_exactly_once(cell: Cell, agent: FakeAgent) -> None:
    cell.put(make_fan("fan", 998))
    key = cell.trigger("fan")
    cell.start_engine()
    connect(agent)
    spread = random.Random(7)
    pauses = []
    for kill in range(KILLS):
        until = max(len(agent.runs) + 1, int(900 * (kill + spread.random()) / KILLS))
        agent.serve(lambda until=until: len(agent.runs) >= until, deadline=60.0, reconnect=True)  # type: ignore[misc]
        assert cell.engine is not None
        cell.engine.kill()
        cell.engine.wait(10)
        begin, had = time.monotonic(), len(agent.runs)
        cell.start_engine()
        agent.serve(lambda had=had: len(agent.runs) > had, deadline=60.0, reconnect=True)  # type: ignore[misc]
        pauses.append(time.monotonic() - begin)
    agent.serve(lambda: not agent.held and cell.run_state(key) == "success", deadline=60.0, reconnect=True)
    print(f"{KILLS} kills; first new task after {max(pauses):.2f} s at most, {min(pauses):.2f} s at least")
    assert set(Counter(workload["task_id"] for workload in agent.runs).values()) == {1}
    assert {tuple(row) for row in cell.instances(key, "state", "try_number")} == {("success", 1)}
    assert len(agent.runs) == 1000
    assert agent.stops == []
    assert sorted(set(agent.epochs)) == agent.epochs


def test_stopped_engine_ends_cleanly_and_leaves_running_tasks_to_the_next(
    cell: Cell, agent: FakeAgent
) -> None:
    cell.put(make_dag("d", {"a": [], "b": ["a"]}))
    key = cell.trigger("d")
    engine = cell.start_engine()
    connect(agent)
    agent.decide = lambda _workload: None
    agent.serve(lambda: cell.instances(key, "state")[0][0] == "running")
    engine.terminate()
    assert engine.wait(15) == 0
    assert cell.instances(key, "state")[0][0] == "running"
    first = agent.runs[0]["attempt"]
    agent.decide = lambda _workload: messages.outcome("success", started_at=1.0, ended_at=2.0)
    agent.held[first] = agent.decide({})  # it ends while there is no engine
    cell.start_engine()
    agent.serve(lambda: not agent.held and cell.run_state(key) == "success", reconnect=True)
    assert [workload["task_id"] for workload in agent.runs] == ["a", "b"]


def test_second_engine_of_a_cell_is_refused(cell: Cell, agent: FakeAgent) -> None:
    cell.start_engine()
    connect(agent)
    first = cell.engine
    second = cell.start_engine()
    assert second.wait(20) == EX_TEMPFAIL
    cell.engine = first


def test_idle_engine_costs_next_to_nothing(cell: Cell, agent: FakeAgent) -> None:
    engine = cell.start_engine()
    connect(agent)
    settled = time.monotonic() + 3
    agent.serve(lambda: time.monotonic() > settled, deadline=10.0)
    before, begin = cpu_seconds(engine.pid), time.monotonic()
    agent.serve(lambda: time.monotonic() > begin + 11, deadline=20.0)
    share = (cpu_seconds(engine.pid) - before) / (time.monotonic() - begin)
    print(f"idle engine: {share:.2%} of a core")
    assert share < 0.05  # the aim is 1 %; the clock ticks in hundredths of a second
