"""Deaths and absences: of the agent, of the engine. Nothing is lost and nothing is done twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.cell import Cell, Engine, alive, titles, until

DAG = """
def hello(): print("hello")
def sleep(): time.sleep(600)
def bash():
    print(subprocess.Popen(["bash", "-c", "trap '' TERM; while :; do sleep 600; done"]).pid, flush=True)
    time.sleep(600)
def wait():
    print("waiting", flush=True)
    while not os.path.exists(os.environ["HOME"] + "/go"): time.sleep(0.01)
dag("d", hello=hello, sleep=sleep, bash=bash, wait=wait)
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


def test_next_agent_reports_lost_and_kills_strays_when_an_agent_is_killed(cell: Cell, engine: Engine) -> None:
    work, other = cell.work("bash"), cell.work("sleep")
    engine.run(work, other)
    pids = [engine.started(work), engine.started(other)]
    stray = int(until(lambda: cell.log(work))[0]["event"])
    zygotes = [cell.zygote(), cell.zygote("d.py")]
    cell.kill()
    until(lambda: not any(alive(pid) for pid in [*pids, *zygotes]), timeout=2)
    assert alive(stray)
    cell.start()
    engine.hang_up()
    hello = engine.accept()
    assert sorted(hello["attempts"]) == [work.attempt, other.attempt]
    for lost in (work, other):
        outcome = engine.outcome(lost)
        assert (outcome["state"], outcome["lost"]) == ("failed", True)
        assert outcome["reason"].startswith("its agent died")
        last = cell.ended_log(lost)[-1]
        assert (last["event"], last["reason"]) == ("Task failed", outcome["reason"])
    assert not alive(stray)
    until(lambda: not cell.attempts())


def test_outcome_survives_the_agent_when_it_was_not_acknowledged(cell: Cell, engine: Engine) -> None:
    engine.acks = False
    work = cell.work("hello")
    engine.run(work)
    outcome = engine.outcome(work)
    cell.ended_log(work)
    cell.kill()
    engine.heard.clear()
    cell.start()
    engine.hang_up()
    assert engine.accept()["attempts"] == [work.attempt]
    assert engine.outcome(work) == outcome
    assert [line["event"] for line in cell.log(work)].count("Task finished") == 1


def test_tasks_go_on_when_the_engine_is_away(cell: Cell, engine: Engine) -> None:
    waiting, running = cell.work("wait"), cell.work("sleep")
    engine.run(waiting, running)
    pid = engine.started(running)
    engine.started(waiting)
    until(lambda: cell.log(waiting))
    engine.close()
    (cell.layout.home / "work" / "go").touch()
    cell.ended_log(waiting)
    again = Engine(cell.layout, epoch=2)
    try:
        hello = again.accept()
        assert sorted(hello["attempts"]) == sorted([waiting.attempt, running.attempt])
        assert again.outcome(waiting)["state"] == "success"
        assert again.started(running) == pid
        assert alive(pid)
        later = cell.work("hello")
        again.run(later)
        again.outcome(later)
        assert again.count("finished", waiting) == 1
        assert [line["event"] for line in cell.log(waiting)].count("waiting") == 1
    finally:
        again.close()


def test_question_waits_for_the_engine_to_return(cell: Cell, engine: Engine) -> None:
    cell.write(
        "ask.py",
        "from airflow._task.comms import current\n"
        "def ask(): return current().ask('get_variable', {'key': 'k'})['value']\n"
        "dag('a', ask=ask)",
    )
    work = cell.work("ask", file="ask.py", dag_id="a")
    engine.run(work)
    first = engine.wait(lambda m: m["kind"] == "request")
    engine.hang_up()
    engine.accept()
    again = engine.wait(lambda m: m["kind"] == "request", start=len(engine.heard) - 1)
    assert again == first
    from airflow._wire import messages

    engine.send(messages.reply(work.attempt, again["id"], {"found": True, "value": "v"}))
    assert engine.outcome(work)["xcoms"] == {"return_value": "v"}


def test_engine_of_an_older_epoch_is_refused(cell: Cell, engine: Engine) -> None:
    engine.close()
    newer = Engine(cell.layout, epoch=7)
    newer.accept()
    newer.run(work := cell.work("hello"))
    newer.outcome(work)
    newer.close()
    stale = Engine(cell.layout, epoch=6)
    try:
        stale.accept()
        until(lambda: not stale.listen())
        assert {m["kind"] for m in stale.heard} == {"hello"}
    finally:
        stale.close()
    newest = Engine(cell.layout, epoch=7)
    newest.accept()
    newest.wait(lambda m: m["kind"] == "heartbeat")
    newest.close()


def test_only_one_agent_at_a_time(cell: Cell, engine: Engine) -> None:
    first = cell.agent
    cell.start()
    second, cell.agent = cell.agent, first
    assert second is not None
    assert second.wait(20) == 75


def test_processes_say_what_they_are(cell: Cell, engine: Engine) -> None:
    work = cell.work("sleep")
    engine.run(work)
    pid = engine.started(work)
    assert cell.agent is not None
    named = titles()
    assert named[cell.agent.pid] == "aerodrome agent demo"
    until(lambda: titles()[pid] == "aerodrome task demo d.sleep")
    beat = engine.wait(lambda m: m["kind"] == "heartbeat" and m["running"] == 1)
    assert beat["logs"].keys() == {"waiting_bytes", "waiting_seconds", "error"}
    roles = [(p["role"], p["about"]) for p in beat["processes"]]
    assert roles == [("zygote", "base"), ("zygote", "d.py"), ("task", "d.sleep")]
