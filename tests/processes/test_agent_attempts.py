"""Attempts in real processes: starting, ending, killing, asking, logging."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow._wire import messages

from tests.fakes.cell import Cell, Engine, alive, titles, until

DAG = """
def hello():
    print("hello")
    return 42
def fail(): raise ValueError("no good")
def leave(): os._exit(3)
def shoot(): os.kill(os.getpid(), signal.SIGKILL)
def sleep(): time.sleep(600)
def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf now", flush=True)
    while True: time.sleep(600)
def stray():
    print(subprocess.Popen(["sleep", "600"]).pid)
def daemon():
    null = subprocess.DEVNULL
    print(subprocess.Popen(["sleep", "600"], start_new_session=True, stdin=null, stdout=null, stderr=null).pid)
def thread():
    import threading
    threading.Thread(target=time.sleep, args=(600,)).start()
def long_line(): print("x" * 10_000_000)
def who(): print(os.environ["AERODROME_ATTEMPT"], os.getpid(), os.getsid(0), sorted(os.environ))
def half_a_frame():
    from airflow._task.comms import current
    current()._channel.sock.sendall(b"\\0\\0\\1\\0{")
    os._exit(0)
def fork_back(): os.fork()
def secret():
    from airflow._task.comms import current
    got = current().ask("get_variable", {"key": "db_password"})["value"]
    print("the password is", got)
    current().ask("mask", {"values": ["another one"]})
    print("and", "another one", "abc")
mine = [call for call in list(globals().values()) if getattr(call, "__module__", "") == __name__ and call is not dag]
dag("d", **{call.__name__: call for call in mine})
"""


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Cell]:
    made = Cell(tmp_path)
    made.write("d.py", DAG)
    yield made
    made.close()


@pytest.fixture
def engine(cell: Cell) -> Iterator[Engine]:
    made = Engine(cell.layout)
    cell.start()
    made.accept()
    yield made
    made.close()


def test_task_succeeds_and_is_forgotten_when_acknowledged(cell: Cell, engine: Engine) -> None:
    work = cell.work("hello")
    engine.run(work)
    outcome = engine.outcome(work)
    assert (outcome["state"], outcome["xcoms"], outcome["lost"]) == ("success", {"return_value": 42}, False)
    assert outcome["started_at"] <= outcome["ended_at"]
    assert [m["kind"] for m in engine.heard if m.get("attempt") == work.attempt] == ["started", "finished"]
    until(lambda: not cell.attempts())
    lines = cell.ended_log(work)
    assert lines[0]["event"] == "hello"
    assert (lines[-1]["event"], lines[-1]["exit_code"]) == ("Task finished", 0)


@pytest.mark.parametrize(
    ("task", "reason", "fact"),
    [
        ("fail", "ValueError: no good", ("exit_code", 1)),
        ("leave", "its process exited with code 3 before it could report", ("exit_code", 3)),
        ("shoot", "killed by SIGKILL; out of memory is the usual cause", ("signal", "SIGKILL")),
        ("half_a_frame", "its process exited with code 0 before it could report", ("exit_code", 0)),
    ],
)
def test_log_ends_with_the_reason_when_a_task_fails(
    cell: Cell, engine: Engine, task: str, reason: str, fact: tuple[str, object]
) -> None:
    work = cell.work(task)
    engine.run(work)
    outcome = engine.outcome(work)
    assert (outcome["state"], outcome["reason"], outcome["lost"]) == ("failed", reason, False)
    last = cell.ended_log(work)[-1]
    assert (last["event"], last["reason"], last[fact[0]]) == ("Task failed", reason, fact[1])


def test_child_is_killed_from_outside(cell: Cell, engine: Engine) -> None:
    work = cell.work("sleep")
    engine.run(work)
    pid = engine.started(work)
    assert until(lambda: titles().get(pid) == "aerodrome task demo d.sleep")
    os.kill(pid, signal.SIGSEGV)
    assert engine.outcome(work)["reason"] == "killed by SIGSEGV"


def test_stop_kills_when_term_is_ignored(cell: Cell, engine: Engine) -> None:
    work = cell.work("deaf")
    engine.run(work)
    pid = engine.started(work)
    until(lambda: cell.log(work))
    engine.send(messages.stop(work.attempt, 0.2, "a user said so"))
    outcome = engine.outcome(work)
    assert (outcome["state"], outcome["reason"], outcome["signal"]) == (
        "failed",
        "a user said so",
        signal.SIGKILL,
    )
    assert not alive(pid)


def test_stop_of_an_unknown_attempt_is_reported_as_lost(cell: Cell, engine: Engine) -> None:
    work = cell.work("sleep")
    engine.send(messages.stop(work.attempt, 1, "nobody knows it"))
    assert engine.outcome(work)["lost"]


def test_agent_ends_a_task_that_ignores_its_time_limit(cell: Cell, engine: Engine) -> None:
    work = cell.work("deaf", execution_timeout=0.1, fresh_interpreter=False)
    engine.run(work)
    outcome = engine.outcome(work)
    assert outcome["state"] == "failed"
    assert "execution_timeout" in outcome["reason"]


def test_grandchildren_end_with_the_attempt(cell: Cell, engine: Engine) -> None:
    works = [cell.work("stray"), cell.work("daemon")]
    engine.run(*works)
    pids = [int(until(lambda w=w: cell.log(w))[0]["event"]) for w in works]
    assert all(engine.outcome(work)["state"] == "success" for work in works)
    until(lambda: not any(alive(pid) for pid in pids), timeout=20)
    until(lambda: not cell.attempts())


def test_threads_of_the_user_do_not_keep_a_task(cell: Cell, engine: Engine) -> None:
    work = cell.work("thread")
    engine.run(work)
    assert engine.outcome(work)["state"] == "success"
    until(lambda: not cell.attempts(), timeout=3)


def test_a_copy_that_returns_does_not_report(cell: Cell, engine: Engine) -> None:
    work = cell.work("fork_back")
    engine.run(work)
    assert engine.outcome(work)["state"] == "success"
    until(lambda: not cell.attempts())
    assert engine.count("finished", work) == 1


def test_duplicate_run_starts_once(cell: Cell, engine: Engine) -> None:
    work = cell.work("hello")
    engine.acks = False
    engine.run(work, work)
    engine.outcome(work)
    engine.run(work)
    engine.run(later := cell.work("hello"))
    engine.outcome(later)
    assert engine.count("started", work) == engine.count("finished", work) == 1
    assert [line["event"] for line in cell.ended_log(work)].count("hello") == 1


def test_child_sees_only_what_it_may(cell: Cell, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    work = cell.work("who")
    engine.run(work)
    engine.outcome(work)
    attempt, pid, session, *names = cell.ended_log(work)[0]["event"].split(maxsplit=3)
    assert (attempt, pid) == (work.attempt, session)
    seen = set(eval(names[0]))
    allowed = {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "HOME", "TZ", "TMPDIR", "PYTHONPATH", "AIRFLOW_HOME"}
    allowed |= {"AERODROME_AIRFLOW_VERSION", "AERODROME_ATTEMPT", "AWS_REGION", "AWS_DEFAULT_REGION"}
    allowed |= {"MWAA_AIRFLOW_COMPONENT", "AWS_EXECUTION_ENV", "CUSTOMER_ACCOUNT_ID"}
    assert {name for name in seen - allowed if not name.startswith("AIRFLOW_")} == set()


def test_secrets_are_masked_before_they_reach_the_disk(cell: Cell, engine: Engine) -> None:
    work = cell.work("secret")
    engine.run(work)
    question = engine.wait(lambda m: m["kind"] == "request")
    assert question["method"] == "get_variable"
    engine.send(messages.reply(work.attempt, question["id"], {"found": True, "value": "hunter2hunter2"}))
    assert engine.outcome(work)["state"] == "success"
    events = [line["event"] for line in cell.ended_log(work)]
    assert events[:2] == ["the password is ***", "and *** abc"]


def test_very_long_line_is_cut_and_kept(cell: Cell, engine: Engine) -> None:
    work = cell.work("long_line")
    engine.run(work)
    assert engine.outcome(work)["state"] == "success"
    lines = [line["event"] for line in cell.ended_log(work) if line["event"].startswith("x")]
    assert sum(map(len, lines)) == 10_000_000
    assert max(map(len, lines)) == 64 * 1024


@pytest.mark.parametrize("file", ["threads.py", "socket.py"])
def test_unsafe_file_runs_in_a_fresh_interpreter(cell: Cell, engine: Engine, file: str) -> None:
    hazard = {
        "threads.py": "import threading; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        "socket.py": "import socket; kept = socket.socket()",
    }[file]
    cell.write(file, f"{hazard}\ndef hi(): print(os.getppid())\ndag('u', hi=hi)")
    work = cell.work("hi", file=file, dag_id="u")
    engine.run(work)
    assert engine.outcome(work)["state"] == "success"
    assert cell.agent is not None
    assert cell.ended_log(work)[0]["event"] == str(cell.agent.pid)
    until(lambda: not cell.attempts())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("os._exit(0)", "the import ended its process"),
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("os.kill(os.getppid(), 9); time.sleep(600)", "the base zygote died every time it was imported"),
    ],
)
def test_broken_file_fails_its_attempts_with_the_reason(
    cell: Cell, engine: Engine, body: str, reason: str
) -> None:
    cell.write("broken.py", body)
    work, good = cell.work("x", file="broken.py"), cell.work("hello")
    engine.run(work, good)
    outcome = engine.outcome(work)
    assert outcome["state"] == "failed"
    assert outcome["reason"].startswith("cannot import broken.py: ")
    assert reason in outcome["reason"]
    assert reason in cell.ended_log(work)[-1]["reason"]
    assert engine.outcome(good)["state"] in ("success", "failed")


def test_a_death_of_the_zygotes_ends_their_children_and_nothing_else(cell: Cell, engine: Engine) -> None:
    work = cell.work("sleep")
    engine.run(work)
    pid = engine.started(work)
    zygotes = [cell.zygote(), cell.zygote("d.py")]
    os.kill(zygotes[0], signal.SIGKILL)
    until(lambda: not any(alive(zygote) for zygote in zygotes))
    outcome = engine.outcome(work)
    assert outcome["reason"] == "killed by SIGKILL; out of memory is the usual cause"
    assert not alive(pid)
    again = cell.work("hello")
    engine.run(again)
    assert engine.outcome(again)["state"] == "success"


def test_term_ends_the_agent_and_reports_what_ran(cell: Cell, engine: Engine) -> None:
    work = cell.work("sleep")
    engine.run(work)
    pid = engine.started(work)
    assert cell.agent is not None
    cell.agent.terminate()
    outcome = engine.outcome(work)
    assert (outcome["state"], outcome["lost"], outcome["reason"]) == ("failed", True, "its agent was stopped")
    assert cell.agent.wait(30) == 0
    assert not alive(pid)
    assert not cell.attempts()


def test_every_attempt_has_a_process_of_its_own_whether_it_was_forked_ahead_or_not(
    cell: Cell, engine: Engine
) -> None:
    works = [cell.work("who") for _ in range(5)]
    engine.run(works[0])
    engine.outcome(works[0])
    engine.run(*works[1:])
    said = [str(cell.ended_log(work)[0]["event"]).split() for work in works]
    assert [words[0] for words in said] == [work.attempt for work in works]
    assert all(words[1] == words[2] for words in said)  # each leads a session of its own
    assert len({words[1] for words in said}) == len(works)
