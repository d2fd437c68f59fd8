"""Parsing in real processes, friendly and hostile files side by side."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow._wire import messages

from tests.fakes.cell import BUNDLE, Cell, Engine, alive, home_of, titles, until

HOSTILE = {
    "hang.py": ("while True: time.sleep(600)", "it took longer than 2 seconds"),
    "deaf.py": (
        "for n in (1, 2, 14, 15): signal.signal(n, signal.SIG_IGN)\nwhile True: time.sleep(600)",
        "it took longer than 2 seconds",
    ),
    "exit.py": ("os._exit(0)", "exited with code 0"),
    "sysexit.py": ("sys.exit('bye')", "SystemExit: bye"),
    "suicide.py": ("os.kill(os.getpid(), 9)", "killed by SIGKILL"),
    "crash.py": ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV"),
    "memory.py": ("hoard = []\nwhile True: hoard.append(bytes(512 << 20))", "MemoryError"),
    "syntax.py": ("def broken(:", "SyntaxError"),
    "garbage.py": (
        "for fd in range(3, 64):\n    try: os.write(fd, b'\\xff' * 64)\n    except OSError: pass\nos._exit(0)",
        "cannot import garbage.py",
    ),
    "many.py": (
        "for n in range(200):\n    if os.fork() == 0: time.sleep(600)\ntime.sleep(600)",
        "it started more than 64 processes",
    ),
    "daemon.py": (
        "subprocess.Popen(['sleep', '600'], start_new_session=True, close_fds=True)\n1 / 0",
        "ZeroDivisionError",
    ),
    "parent.py": (
        "os.kill(os.getppid(), 9); time.sleep(600)",
        "the process that parses died every time",
    ),
}


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Cell]:
    made = Cell(tmp_path)
    yield made
    made.close()


@pytest.fixture
def engine(cell: Cell) -> Iterator[Engine]:
    made = Engine(cell.layout)
    cell.start()
    made.accept()
    yield made
    made.close()


def strangers(cell: Cell) -> list[str]:
    """Processes of the cell other than its agent, base zygote and parse zygote."""
    home = str(cell.layout.home / "work")
    mine = {pid: title for pid, title in titles().items() if home_of(pid) == home and alive(pid)}
    ours = {"aerodrome zygote demo", "aerodrome zygote demo (parsing)"}
    return [title for title in mine.values() if title not in ours]


def test_hostile_files_are_one_error_each_and_leave_nothing_behind(cell: Cell, engine: Engine) -> None:
    for file, (body, _error) in HOSTILE.items():
        cell.write(file, body)
    good = [f"good{n}.py" for n in range(6)]
    for file in good:
        cell.write(file, f"dag({file[:-3]!r}, t=lambda: None)")
    files = [name for pair in zip(HOSTILE, good * 2, strict=True) for name in pair]
    results = engine.parse(list(dict.fromkeys(files)), timeout=2)
    for file, (_body, error) in HOSTILE.items():
        assert results[file]["dags"] == []
        assert error in results[file]["error"], file
    for file in good:
        assert results[file]["error"] is None, (file, results[file])
        assert [dag["dag_id"] for dag in results[file]["dags"]] == [file[:-3]]
    until(lambda: not strangers(cell), timeout=15)


def test_file_that_kills_its_parent_ends_no_task(cell: Cell, engine: Engine) -> None:
    gate = cell.layout.home / "gate"
    cell.write(
        "d.py",
        f"dag('d', wait=lambda: [time.sleep(0.01) for _ in iter(lambda: os.path.exists({str(gate)!r}), True)])",
    )
    cell.write("killer.py", "os.kill(os.getppid(), 9); time.sleep(600)")
    work = cell.work("wait")
    engine.run(work)
    pid, base = engine.started(work), cell.zygote()
    results = engine.parse(["killer.py", "d.py"], timeout=10)
    assert "the process that parses died every time" in results["killer.py"]["error"]
    assert [dag["dag_id"] for dag in results["d.py"]["dags"]] == ["d"]
    assert alive(pid) and cell.zygote() == base
    gate.touch()
    assert engine.outcome(work)["state"] == "success"
    assert engine.count("started", work) == 1


def test_an_import_that_is_too_slow_names_its_line(tmp_path: Path) -> None:
    cell = Cell(tmp_path, config={"core.dagbag_import_timeout": "1"})
    engine = Engine(cell.layout)
    try:
        cell.start()
        engine.accept()
        cell.write("slow.py", "x = 1\ntime.sleep(600)  # the guilty one")
        error = engine.parse(["slow.py"], timeout=1)["slow.py"]["error"]
        assert "cannot import slow.py: it took longer than 1 seconds" in error
        assert "the guilty one" in error
    finally:
        engine.close()
        cell.close()


def test_file_that_forks_and_returns_is_one_result(cell: Cell, engine: Engine) -> None:
    cell.write("twice.py", "os.fork()\ndag('twice', t=lambda: None)")
    result = engine.parse(["twice.py"])["twice.py"]
    assert [dag["dag_id"] for dag in result["dags"]] == ["twice"]
    until(lambda: not strangers(cell))


def test_what_a_file_asks_at_its_top_level_is_answered_when_parsed_and_when_run(
    cell: Cell, engine: Engine
) -> None:
    cell.write(
        "asks.py",
        "from airflow.models import Variable\nsecret = Variable.get('my_secret')\n"
        "dag('asks', t=lambda: print('it is', secret))",
    )
    answer = {"found": True, "value": "hidden-value"}

    def ask(start: int) -> dict[str, Any]:
        asked = engine.wait(lambda m: m["kind"] == "request", start)
        assert (asked["method"], asked["params"]) == ("get_variable", {"key": "my_secret"})
        assert asked["attempt"].startswith(messages.IMPORT)
        return asked

    engine.send(messages.parse("p", BUNDLE, ["asks.py"], 20))
    first = ask(0)
    engine.hang_up()  # an engine that comes back is asked again
    again = len(engine.heard)
    engine.accept()
    assert ask(again)["attempt"] == first["attempt"]
    engine.send(messages.reply(first["attempt"], first["id"], answer))
    work = cell.work("t", "asks.py", "asks")
    start = len(engine.heard)
    engine.run(work)
    asked = ask(start)
    engine.send(messages.reply(asked["attempt"], asked["id"], answer))
    asks = {"kind": "request", "attempt": work.attempt}  # the task sees whether the answer still holds
    again = engine.wait(lambda m: asks.items() <= m.items(), start)
    engine.send(messages.reply(work.attempt, again["id"], answer))
    assert engine.outcome(work)["state"] == "success"
    assert "it is ***" in [line["event"] for line in cell.ended_log(work)]


def test_a_question_at_import_reaches_the_engine_when_it_is_about_a_variable(
    cell: Cell, engine: Engine
) -> None:
    cell.write("asks.py", "from airflow.models import Variable\ndag(Variable.get('x'), t=lambda: None)")
    engine.send(messages.parse("p", BUNDLE, ["asks.py"], 20.0))
    asked = engine.wait(lambda m: m["kind"] == "request")
    assert (asked["method"], asked["params"]) == ("get_variable", {"key": "x"})
    assert asked["attempt"].startswith(messages.IMPORT)
    engine.send(messages.reply(asked["attempt"], asked["id"], {"found": True, "value": "named"}))
    result = engine.wait(lambda m: m["kind"] == "parsed")["result"]
    assert [dag["dag_id"] for dag in result["dags"]] == ["named"]


def test_a_question_at_import_is_refused_when_it_is_about_a_run(cell: Cell, engine: Engine) -> None:
    text = "from airflow._task.comms import current\ncurrent().ask('get_xcom', {})"
    cell.write("asks.py", text)
    error = engine.parse(["asks.py"])["asks.py"]["error"]
    assert "cannot get xcom while a DAG file is imported" in error


def test_two_hundred_files_parse_in_the_time_they_may_take(cell: Cell, engine: Engine) -> None:
    files = [f"f{n}.py" for n in range(200)]
    for file in files:
        cell.write(file, f"dag({file[:-3]!r}, a=lambda: None, b=lambda: None)")
    engine.parse(files[:1])
    began = time.monotonic()
    results = engine.parse(files)
    seconds = time.monotonic() - began
    assert all(result["error"] is None for result in results.values())
    assert seconds < 30  # a machine of its own needs one second; this one may be busy
