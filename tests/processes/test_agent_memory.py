"""Memory in real processes: who has too much ends and says so, and nobody else notices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from airflow._wire import cell as wire

from tests.fakes.cell import Cell, Engine

MIB = 1 << 20
DAG = """
def grow(step):
    held = []
    while True:
        held.append(bytearray(step))
        time.sleep(0.005)
def greedy(): grow(4 << 20)
def parent():
    code = "import time; x = []\\nwhile True: x.append(bytearray(4 << 20)); time.sleep(0.005)"
    subprocess.run([sys.executable, "-c", code])
def modest():
    held = bytearray(40 << 20)
    while not os.path.exists(os.environ["TMPDIR"] + "/go"): time.sleep(0.05)
    return len(held)
def some():
    held = bytearray(112 << 20)
    time.sleep(600)
mine = [call for call in list(globals().values()) if getattr(call, "__module__", "") == __name__ and call is not dag]
dag("d", **{call.__name__: call for call in mine if call is not grow})
"""


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Cell]:
    made = Cell(tmp_path)
    made.write("d.py", "import sys\n" + DAG.replace('os.environ["TMPDIR"]', repr(str(tmp_path))))
    spec = wire.read(made.layout.spec)
    wire.write(made.layout.spec, replace(spec, worker_memory=150 * MIB, tasks_per_worker=2, min_workers=1))
    yield made
    made.close()


@pytest.fixture
def engine(cell: Cell) -> Iterator[Engine]:
    made = Engine(cell.layout)
    cell.start()
    made.accept()
    yield made
    made.close()


@pytest.mark.parametrize("task", ["greedy", "parent"])
def test_a_task_that_eats_memory_ends_with_the_reason_and_its_neighbour_lives(
    cell: Cell, engine: Engine, task: str
) -> None:
    modest, greedy = cell.work("modest"), cell.work(task)
    engine.run(modest)
    engine.started(modest)
    engine.run(greedy)
    outcome = engine.outcome(greedy)
    assert (outcome["state"], outcome["lost"]) == ("failed", False)
    assert outcome["reason"].startswith("out of memory: ")
    assert "of the 150 MiB" in outcome["reason"] or "one task may use 150 MiB" in outcome["reason"]
    last = cell.ended_log(greedy)[-1]
    assert (last["event"], last["reason"]) == ("Task failed", outcome["reason"])
    (cell.layout.home / "go").touch()
    assert engine.outcome(modest)["state"] == "success"


def test_the_largest_ends_when_all_together_have_too_much(cell: Cell, engine: Engine) -> None:
    modest, growing = cell.work("modest"), cell.work("some")
    engine.run(modest, growing)
    assert "all tasks together used" in engine.outcome(growing)["reason"]
    (cell.layout.home / "go").touch()
    assert engine.outcome(modest)["state"] == "success"
