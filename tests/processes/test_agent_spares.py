"""Processes that are forked ahead of their tasks: how many, which are taken, and that nobody can tell."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow._wire.workload import Workload

from runner.agent import spares, zygotes
from tests.fakes.cell import Cell, Engine, alive, home_of, titles, until

FILES = {
    "d.py": """
def hello(): return os.getpid()
def warn():
    import warnings
    warnings.warn("mind the gap")
dag("d", hello=hello, warn=warn)
""",
    "listened.py": """
from airflow.listeners import hookimpl
from airflow.listeners.manager import get_listener_manager
class Ears:
    @hookimpl
    def on_task_instance_running(self, previous_state, task_instance, session):
        with open(HEARD, "a") as heard: heard.write(task_instance.task_id + " runs\\n")
    @hookimpl
    def on_task_instance_success(self, previous_state, task_instance, session):
        with open(HEARD, "a") as heard: heard.write(task_instance.task_id + " is done\\n")
get_listener_manager().add_listener(Ears())
dag("d", hello=os.getpid)
""",
    "logged.py": """
import logging
logging.getLogger("airflow").addHandler(logging.FileHandler(HEARD))
dag("d", hello=os.getpid)
""",
    "records.py": """
import logging
class Record(logging.LogRecord):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        with open(HEARD, "a") as heard: print(self.getMessage(), file=heard)
logging.setLogRecordFactory(Record)
dag("d", hello=os.getpid)
""",
    "patched.py": """
before = PythonOperator.execute
def execute(self, context):
    with open(HEARD, "a") as heard: print(self.task_id, file=heard)
    return before(self, context)
PythonOperator.execute = execute
dag("d", hello=os.getpid)
""",
}


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Cell]:
    made = Cell(tmp_path)
    for file, body in FILES.items():
        made.write(file, f"HEARD = {str(tmp_path / 'heard')!r}\n{body}")
    yield made
    made.close()


@pytest.fixture
def engine(cell: Cell) -> Iterator[Engine]:
    made = Engine(cell.layout)
    cell.start()
    made.accept()
    yield made
    made.close()


def test_a_spare_that_was_killed_costs_the_next_attempt_nothing(cell: Cell, engine: Engine) -> None:
    first, second = cell.work("hello"), cell.work("hello")
    engine.run(first)
    engine.outcome(first)
    (spare,) = wait_for_spares(cell, 1)
    os.kill(spare, signal.SIGKILL)
    until(lambda: not alive(spare))
    engine.run(second)
    assert engine.outcome(second)["state"] == "success"


def test_as_many_are_laid_in_as_the_file_used_last(cell: Cell, engine: Engine) -> None:
    some, many, few = ([cell.work("hello") for _ in range(count)] for count in (3, spares.MOST + 4, 2))
    run(engine, some)
    first = wait_for_spares(cell, 3)
    run(engine, many)
    stock = wait_for_spares(cell, spares.MOST)
    assert {engine.started(work) for work in many} > set(first)
    run(engine, few)
    assert {engine.started(work) for work in few} == set(stock[:2])
    assert list_spares(cell) == stock[2:]  # nobody is sent away, and nobody asked for
    cell.kill()
    until(lambda: not any(alive(pid) for pid in stock), timeout=2)


def test_all_files_together_have_a_bound(cell: Cell, engine: Engine) -> None:
    files, others = ["a.py", "b.py", "c.py"], [f"other{number}.py" for number in range(4)]
    for file in files + others:
        cell.write(file, FILES["d.py"])
    for file in files[:2]:
        run(engine, [cell.work("hello", file) for _ in range(spares.MOST)])
        wait_for_spares(cell, zygotes.MOST_SPARES // 2, file)
    run(engine, [cell.work("hello", "c.py") for _ in range(spares.MOST)])
    for file in others:  # importing one takes longer than it takes to lay in a few
        run(engine, [cell.work("hello", file)])
    assert [len(list_spares(cell, file)) for file in files] == [*[zygotes.MOST_SPARES // 2] * 2, 1]


def test_a_process_that_waited_logs_as_any_other(cell: Cell, engine: Engine) -> None:
    logs = []
    for _ in range(2):
        work = cell.work("warn")
        run(engine, [work])
        logs.append([(line["level"], line["logger"], line["event"]) for line in cell.ended_log(work)])
        until(lambda: list_spares(cell))
    assert any(logger == "py.warnings" and "mind the gap" in event for _level, logger, event in logs[0])
    assert logs[0][:-1] == logs[1][:-1]


@pytest.mark.parametrize(
    ("file", "heard"),
    [
        ("listened.py", ["hello runs", "hello is done"]),
        ("logged.py", ["Done. Returned value was: *"]),
        ("records.py", ["Done. Returned value was: *"]),
        ("patched.py", ["hello"]),
    ],
)
def test_user_code_meets_no_task_but_its_own(
    cell: Cell, engine: Engine, tmp_path: Path, file: str, heard: list[str]
) -> None:
    works = [cell.work("hello", file) for _ in range(4)]
    for work in works:
        run(engine, [work])
        until(lambda: list_spares(cell, file))
    lines = (tmp_path / "heard").read_text().splitlines()
    pids = [str(engine.started(work)) for work in works]
    assert lines == [line.replace("*", pid) for pid in pids for line in heard]


def run(engine: Engine, works: list[Workload]) -> None:
    """Have these run, and wait until all their processes are gone."""
    engine.run(*works)
    assert all(engine.outcome(work)["state"] == "success" for work in works)
    until(lambda: not any(alive(engine.started(work)) for work in works))


def list_spares(cell: Cell, file: str = "d.py") -> list[int]:
    """The processes that wait, the oldest first."""
    title, home = f"aerodrome spare demo {file}", str(cell.layout.home / "work")
    return sorted(pid for pid, name in titles().items() if name == title and home_of(pid) == home)


def wait_for_spares(cell: Cell, count: int, file: str = "d.py") -> list[int]:
    """All that wait, once there are that many."""
    return until(lambda: len(found := list_spares(cell, file)) == count and found)
