"""Triggers in a real triggerer: firing, asking, logging, and what is left when it is killed."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow._wire import encoding, messages
from airflow._wire.frames import Message

from tests.fakes.cell import BUNDLE, Cell, Engine, alive, titles, until

TRIGGERS = """
import asyncio, os, pathlib, time
from airflow.hooks.base import BaseHook
from airflow.models import Variable
from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

class Base(BaseTrigger):
    def __init__(self, place=""):
        super().__init__()
        self.place = place
    def serialize(self):
        return f"{type(self).__module__}.{type(self).__name__}", {"place": self.place}
    def note(self, word):
        with open(self.place, "a") as file: file.write(f"{word} {os.getpid()}\\n")
class File(Base):
    async def run(self):
        self.note("run")
        while not pathlib.Path(self.place + ".go").exists(): await asyncio.sleep(0.01)
        yield TriggerEvent([self.task_instance.task_id, os.getpid()])
    async def cleanup(self): self.note("cleanup")
    async def on_kill(self): self.note("kill")
class Asks(Base):
    async def run(self):
        early = Variable.get("db_password")
        late, conn = await asyncio.gather(Variable.aget("other"), BaseHook.aget_connection("c"))
        self.log.warning("the password is %s", early)
        yield TriggerEvent([early, late, conn.host])
class Blocks(Base):
    async def run(self):
        time.sleep(2.5)
        yield TriggerEvent(1)
class Watch(Base, BaseEventTrigger):
    async def run(self):
        for n in range(2): yield TriggerEvent(n)
        await asyncio.sleep(600)
"""


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Cell]:
    made = Cell(tmp_path)
    made.bundle.joinpath("mine.py").write_text(TRIGGERS)
    yield made
    made.close()


@pytest.fixture
def engine(cell: Cell) -> Iterator[Engine]:
    made = Engine(cell.layout)
    cell.start()
    made.accept()
    yield made
    made.close()


def start(number: int, classpath: str, **kwargs: Any) -> Message:
    task = {"dag_id": "d", "run_id": f"r{number}", "task_id": "t", "map_index": -1, "try_number": 1}
    return {
        "id": f"{number:032x}",
        "bundle": BUNDLE,
        "file": "d.py",
        "classpath": classpath,
        "kwargs": encoding.to_plain(kwargs),
        "about": "d.t",
        "log_key": f"dag_id=d/run_id=r{number}/task_id=t/attempt=1",
        "task": task,
    }


def event_of(engine: Engine, trigger: Message, after: int = 0) -> Message:
    return engine.wait(lambda m: m["kind"] == "trigger_event" and m["id"] == trigger["id"], start=after)


def events(engine: Engine) -> list[Message]:
    return [m for m in engine.heard if m["kind"] == "trigger_event"]


def triggerers(cell: Cell) -> list[int]:
    """The pids of the cell's triggerers."""
    assert cell.agent is not None
    mine = f"/proc/{cell.agent.pid}/task/{cell.agent.pid}/children"
    children = {int(pid) for pid in Path(mine).read_text().split()}
    return [pid for pid, title in titles().items() if "triggerer" in title and pid in children]


def lines(cell: Cell, trigger: Message) -> list[dict[str, Any]]:
    from sync.log_files import find_local

    found = dict(find_local(cell.layout.task_logs)).get(trigger["log_key"])
    return [json.loads(line) for line in found.read_text().splitlines()] if found else []


def test_trigger_fires_once_and_writes_into_the_log_of_its_task(cell: Cell, engine: Engine) -> None:
    trigger = start(1, "airflow.triggers.testing.SuccessTrigger")
    failing = start(2, "airflow.triggers.testing.FailureTrigger")
    engine.send(messages.triggers([trigger, failing], []))
    assert event_of(engine, trigger)["event"] is True
    assert "ValueError: this trigger fails on purpose" in event_of(engine, failing)["error"]
    said = until(lambda: [line["event"] for line in lines(cell, trigger)])
    assert said[0] == "trigger airflow.triggers.testing.SuccessTrigger starts"
    engine.send(messages.trigger_ack([trigger["id"], failing["id"]]))
    assert [titles()[pid] for pid in triggerers(cell)] == ["aerodrome triggerer demo"]
    assert len(events(engine)) == 2
    entry = engine.wait(
        lambda m: m["kind"] == "heartbeat" and any(p["role"] == "triggerer" for p in m["processes"])
    )
    assert any(p["about"] == "0 triggers" for p in entry["processes"])


def test_class_of_the_snapshot_has_a_process_of_its_own(cell: Cell, engine: Engine, tmp_path: Path) -> None:
    place = str(tmp_path / "said")
    Path(place + ".go").touch()
    mine, theirs = (
        start(1, "mine.File", place=place),
        start(2, "airflow.triggers.testing.SuccessTrigger"),
    )
    engine.send(messages.triggers([mine, theirs], []))
    task_id, pid = event_of(engine, mine)["event"]
    event_of(engine, theirs)
    assert task_id == "t"
    names = {titles()[pid] for pid in triggerers(cell)}
    assert names == {"aerodrome triggerer demo", f"aerodrome triggerer demo {BUNDLE[:12]}"}
    until(lambda: Path(place).read_text() == f"run {pid}\ncleanup {pid}\n")


def test_class_that_a_dag_file_defines_is_found_there(cell: Cell, engine: Engine) -> None:
    body = "\nfrom airflow.triggers.testing import SuccessTrigger\nclass Mine(SuccessTrigger): pass\n"
    cell.write("d.py", body)
    digest = hashlib.sha1(os.fsencode(cell.bundle / "d.py"), usedforsecurity=False).hexdigest()
    trigger = start(1, f"dag_file_{digest}_d.Mine")
    engine.send(messages.triggers([trigger], []))
    event = event_of(engine, trigger)
    assert (event["event"], event["error"]) == (True, None)


def test_questions_of_triggers_go_to_the_engine_and_secrets_are_masked(cell: Cell, engine: Engine) -> None:
    trigger = start(1, "mine.Asks")
    engine.send(messages.triggers([trigger], []))
    answers = {
        "db_password": {"found": True, "value": "hunter2hunter2"},
        "other": {"found": True, "value": "fine"},
        "c": {"found": True, "host": "example"},
    }
    seen = 0
    for _ in range(3):
        question = engine.wait(lambda m: m["kind"] == "request", start=seen)
        seen = engine.heard.index(question) + 1
        assert question["attempt"] == trigger["id"]
        key = question["params"].get("key") or question["params"]["conn_id"]
        engine.send(messages.reply(trigger["id"], question["id"], answers[key]))
    assert event_of(engine, trigger)["event"] == ["hunter2hunter2", "fine", "example"]
    said = until(lambda: [line for line in lines(cell, trigger) if line["level"] == "warning"])
    assert said[0]["event"] == "the password is ***"


@pytest.mark.parametrize(("kill", "last"), [(True, ["kill", "cleanup"]), (False, ["cleanup"])])
def test_cancelled_trigger_cleans_up(
    cell: Cell, engine: Engine, tmp_path: Path, kill: bool, last: list[str]
) -> None:
    place = tmp_path / "said"
    trigger = start(1, "mine.File", place=str(place))
    engine.send(messages.triggers([trigger], []))
    until(place.exists)
    engine.send(messages.triggers([], [trigger["id"]], [trigger["id"]] if kill else []))
    until(lambda: [line.split()[0] for line in place.read_text().splitlines()] == ["run", *last])
    assert events(engine) == []


def test_killed_triggerer_comes_back_with_all_its_triggers(
    cell: Cell, engine: Engine, tmp_path: Path
) -> None:
    places = [tmp_path / f"said{n}" for n in range(20)]
    wanted = [start(n, "mine.File", place=str(place)) for n, place in enumerate(places)]
    engine.send(messages.triggers(wanted, []))
    until(lambda: all(place.exists() for place in places))
    (old,) = triggerers(cell)
    places[0].with_name("said0.go").touch()
    event_of(engine, wanted[0])
    os.kill(old, signal.SIGKILL)
    until(lambda: all(place.read_text().count("run") == 2 for place in places[1:]))
    for place in places[1:]:
        place.with_name(place.name + ".go").touch()
    for trigger in wanted[1:]:
        assert event_of(engine, trigger)["event"][1] != old
    assert len(events(engine)) == 20
    assert places[0].read_text().count("run") == 1


def test_event_is_told_again_until_it_is_acknowledged(cell: Cell, engine: Engine) -> None:
    trigger = start(1, "airflow.triggers.testing.SuccessTrigger")
    engine.send(messages.triggers([trigger], []))
    event_of(engine, trigger)
    engine.hang_up()
    hello = engine.accept()
    assert hello["triggers"] == [trigger["id"]]
    event_of(engine, trigger, after=engine.heard.index(hello))
    engine.send(messages.trigger_ack([trigger["id"]]))
    engine.send(messages.triggers([start(2, "airflow.triggers.testing.SuccessTrigger")], []))
    event_of(engine, start(2, ""))
    engine.hang_up()
    assert engine.accept()["triggers"] == [start(2, "")["id"]]


def test_triggers_end_with_their_agent(cell: Cell, engine: Engine, tmp_path: Path) -> None:
    place = tmp_path / "said"
    engine.send(messages.triggers([start(1, "mine.File", place=str(place))], []))
    until(place.exists)
    (pid,) = until(lambda: triggerers(cell))
    cell.kill()
    until(lambda: not alive(pid))


def test_stopped_agent_lets_triggers_clean_up(cell: Cell, engine: Engine, tmp_path: Path) -> None:
    place = tmp_path / "said"
    engine.send(messages.triggers([start(1, "mine.File", place=str(place))], []))
    until(place.exists)
    assert cell.agent is not None
    cell.agent.terminate()
    assert cell.agent.wait(20) == 0
    assert "cleanup" in place.read_text()


def test_trigger_that_blocks_the_loop_is_named_in_its_log(cell: Cell, engine: Engine) -> None:
    trigger = start(1, "mine.Blocks")
    engine.send(messages.triggers([trigger], []))
    event_of(engine, trigger)
    (line,) = until(lambda: [line for line in lines(cell, trigger) if line["level"] == "warning"])
    assert "d.t has held up all other triggers" in line["event"]
    assert "time.sleep(2.5)" in line["event"]


def test_standing_trigger_fires_until_it_is_let_go(cell: Cell, engine: Engine) -> None:
    watch = {**start(1, "mine.Watch"), "id": "watcher:a", "log_key": None, "task": None}
    engine.send(messages.triggers([watch], []))
    engine.wait(lambda m: m["kind"] == "trigger_event" and m["event"] == 1)
    first, second = events(engine)
    assert first["number"] != second["number"]
    engine.send(messages.trigger_ack([f"watcher:a#{first['number']}"]))
    engine.hang_up()
    hello = engine.accept()
    assert hello["triggers"] == ["watcher:a"]
    engine.wait(lambda m: m["kind"] == "heartbeat", start=engine.heard.index(hello))
    assert [m["event"] for m in events(engine)] == [0, 1, 1]


def test_waiting_trigger_costs_less_than_twenty_kilobytes(cell: Cell, engine: Engine) -> None:
    number = 2000
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    classpath = "airflow.providers.standard.triggers.temporal.DateTimeTrigger"
    wanted = [start(n, classpath, moment=moment) for n in range(number + 1)]

    def is_told(count: int) -> bool:
        engine.listen()
        beats = [m for m in engine.heard if m["kind"] == "heartbeat"]
        return any(p["about"] == f"{count} triggers" for m in beats[-1:] for p in m["processes"])

    engine.send(messages.triggers(wanted[:1], []))
    until(lambda: is_told(1))
    (pid,) = until(lambda: triggerers(cell))
    until(lambda: lines(cell, wanted[0]))
    before = memory_of(pid)
    engine.send(messages.triggers(wanted[1:], []))
    until(lambda: is_told(number + 1))
    until(lambda: lines(cell, wanted[-1]), 60)
    each = (memory_of(pid) - before) / number
    print(f"{each:.1f} KB for each waiting trigger")
    assert each < 20


def memory_of(pid: int) -> int:
    """PSS in KB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
