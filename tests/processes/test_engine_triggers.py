"""Triggers as the scheduler hands them out, over a real socket and on both databases, with agents that run none."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from airflow._wire import messages
from airflow._wire.frames import Message

from runner.domain.states import TaskInstanceState
from runner.events import DagsChanged, RunChanged, RunCreated
from runner.scheduler.loop import Scheduler
from runner.scheduler.questions import AttemptInfo
from runner.store import task_instances
from runner.store.schema import trigger
from runner.store.secrets import open_box
from tests.processes.cells import Cell, make_dag
from tests.processes.fake_agent import FakeAgent

DEFERRAL = {"classpath": "m.T", "kwargs": {"k": "hush"}, "next_method": "done", "next_kwargs": {"a": 1}}


def defer_once(workload: Message) -> Message:
    """Defers, and ends well when it is resumed."""
    now = time.time()
    if "resume" in workload["extra"]:
        return messages.outcome("success", started_at=now, ended_at=now)
    return messages.outcome("deferred", started_at=now, ended_at=now, details={"deferral": DEFERRAL})


class Keeper(FakeAgent):
    """Keeps the triggers that it is told to run."""

    def __init__(self, path: Path, name: str = "fake") -> None:
        super().__init__(path, name=name, decide=defer_once)
        self.triggers: dict[str, Message] = {}
        self.killed: list[str] = []
        self.acked: list[str] = []
        self.replies: list[Message] = []

    def send(self, *outgoing: Message) -> None:
        super().send(*[self._complete(message) for message in outgoing])

    def _complete(self, message: Message) -> Message:
        return {**message, "triggers": list(self.triggers)} if message["kind"] == "hello" else message

    def handle(self, message: Message) -> None:
        super().handle(message)
        if message["kind"] == "triggers":
            self.triggers.update({start["id"]: start for start in message["start"]})
            for id in message["cancel"]:
                self.triggers.pop(id, None)
            self.killed += message["kill"]
        elif message["kind"] == "trigger_ack":
            self.acked += message["ids"]
        elif message["kind"] == "reply":
            self.replies.append(message)

    def fire(self, id: str, event: Any = None, **more: Any) -> None:
        """The trigger has fired and runs no more."""
        self.triggers.pop(id, None)
        self.send(messages.trigger_event(id, event, **more))

    def only(self) -> str:
        """The one trigger, once it is there."""
        self.serve(lambda: len(self.triggers) == 1)
        return next(iter(self.triggers))


class Rig:
    """A scheduler in a thread, which can be ended and followed by another, and agents."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.asked: list[tuple[AttemptInfo, str]] = []
        self.agents: list[Keeper] = []
        self.elsewhere: set[str] = set()
        """Snapshots that are not on this machine."""
        self.start()

    def start(self) -> None:
        layout = self.cell.layout
        box = open_box(layout.home / "secrets.key")
        self.scheduler = Scheduler(
            *(self.cell.db, self.cell.spec, layout.engine_socket, self.answer),
            box=box,
            has_bundle=lambda digest: digest not in self.elsewhere,
        )
        self.thread = threading.Thread(target=self.scheduler.run, name="scheduler")
        self.thread.start()

    def answer(self, info: AttemptInfo, method: str, _params: dict[str, Any]) -> Any:
        self.asked.append((info, method))
        return {"found": True}

    def connect(self, name: str = "fake") -> Keeper:
        agent = Keeper(self.cell.layout.engine_socket, name)
        self.agents.append(agent)
        agent.connect()
        agent.serve(lambda: agent.epochs)
        return agent

    def trigger(self, **fields: Any) -> int:
        self.cell.put(make_dag("d", {"a": []}, **fields))
        key = self.cell.trigger("d")
        self.scheduler.post(RunCreated(key))
        return key

    def rows(self) -> list[Any]:
        with self.cell.db.read() as conn:
            return list(conn.execute(sa.select(trigger)))

    def stop(self) -> None:
        self.scheduler.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()

    def close(self) -> None:
        self.stop()
        for agent in self.agents:
            agent.close()


@pytest.fixture
def rig(database_url: str, tmp_path: Path) -> Iterator[Rig]:
    cell = Cell(tmp_path / "cell", database_url)
    rig = Rig(cell)
    yield rig
    rig.close()
    cell.close()


def test_deferral_is_a_sealed_row_until_the_resumed_attempt_has_ended(rig: Rig) -> None:
    agent = rig.connect()
    key = rig.trigger()
    token = agent.only()
    assert token == agent.runs[0]["attempt"]
    start = agent.triggers[token]
    assert (start["kwargs"], start["about"], start["bundle"]) == ({"k": "hush"}, "d.a", "bundle")
    assert start["log_key"] == "dag_id=d/run_id=r1/task_id=a/attempt=1"
    (row,) = rig.rows()
    assert "hush" not in row.kwargs
    agent.send(messages.request(token, 7, "get_variable", {"key": "x"}))
    agent.serve(lambda: agent.replies)
    assert (rig.asked[0][0].task_id, agent.replies[0]["result"]) == ("a", {"found": True})
    agent.fire(token, {"n": 1})
    agent.serve(lambda: rig.cell.run_state(key) == "success" and agent.acked == [token])
    resume = {"next_method": "done", "next_kwargs": {"a": 1}, "event": {"n": 1}}
    assert [run["extra"].get("resume") for run in agent.runs] == [None, resume]
    assert [run["try_number"] for run in agent.runs] == [1, 1]
    assert rig.rows() == []
    agent.fire(token, {"n": 2})
    agent.serve(lambda: agent.acked == [token, token])
    assert len(agent.runs) == 2


def test_next_engine_knows_what_is_wanted_and_hands_over_again_what_was_resumed(rig: Rig) -> None:
    agent = rig.connect()
    key = rig.trigger()
    token = agent.only()
    rig.stop()
    agent.close()
    rig.start()
    agent.connect()
    agent.serve(lambda: len(agent.epochs) == 2)
    started = sum(message["kind"] == "triggers" for message in agent.received)
    agent.decide = lambda _workload: None
    agent.fire(token, 1)
    agent.serve(lambda: len(agent.runs) == 2)
    assert started == 1  # the agent said that it has it
    (lost,) = [run["attempt"] for run in agent.runs if run["attempt"] != token]
    rig.stop()
    agent.close()
    del agent.held[lost]  # it never arrived
    agent.report_starts = False
    with rig.cell.db.begin() as conn:
        conn.execute(sa.text("UPDATE task_instance SET state = 'queued', pid = NULL, host = NULL"))
    rig.start()
    agent.decide = defer_once
    agent.connect()
    agent.serve(lambda: rig.cell.run_state(key) == "success")
    assert [run["attempt"] for run in agent.runs[1:]] == [lost, lost]
    assert agent.runs[2]["extra"]["resume"]["event"] == 1


def test_agent_that_comes_back_without_a_trigger_gets_it_again_and_loses_a_stale_one(rig: Rig) -> None:
    agent = rig.connect()
    rig.trigger()
    token = agent.only()
    agent.close()
    agent.triggers = {"stale": {}}
    agent.connect()
    agent.serve(lambda: list(agent.triggers) == [token])


def test_trigger_waits_for_the_snapshot_that_may_have_its_class(rig: Rig) -> None:
    agent = rig.connect()
    key = rig.trigger()
    token = agent.only()
    rig.stop()
    agent.close()
    agent.triggers.clear()
    rig.elsewhere.add("bundle")
    rig.start()
    agent.connect()
    rig.cell.put(make_dag("here", {"x": []}, file="here.py"), bundle="new")
    agent.decide = lambda workload: messages.outcome("success", started_at=1.0, ended_at=2.0)
    rig.scheduler.post(RunCreated(other := rig.cell.trigger("here")))
    agent.serve(lambda: rig.cell.run_state(other) == "success")
    assert agent.triggers == {}
    rig.elsewhere.clear()
    rig.scheduler.post(DagsChanged())
    assert agent.only() == token
    agent.fire(token, 1)
    agent.serve(lambda: rig.cell.run_state(key) == "success")


def test_other_agent_takes_over_when_one_is_gone(rig: Rig) -> None:
    first = rig.connect("first")
    rig.trigger()
    token = first.only()
    second = rig.connect("second")
    assert second.triggers == {}
    first.close()
    assert second.only() == token
    first.connect()
    first.serve(lambda: first.triggers == {})


def test_user_who_ends_a_deferred_task_kills_its_trigger(rig: Rig) -> None:
    agent = rig.connect()
    key = rig.trigger()
    token = agent.only()
    (row,) = rig.cell.instances(key, "id")
    with rig.cell.db.begin() as conn:
        task_instances.set_state(conn, [row.id], TaskInstanceState.FAILED, time.time())
    assert rig.rows() == []
    rig.scheduler.post(RunChanged(key))
    agent.serve(lambda: rig.cell.run_state(key) == "failed" and agent.killed == [token])
    agent.fire(token, 1)
    agent.serve(lambda: agent.acked == [token])
    assert len(agent.runs) == 1


def test_task_that_starts_from_a_trigger_waits_without_an_attempt(rig: Rig) -> None:
    agent = rig.connect()
    key = rig.trigger(task={"start_trigger": {**DEFERRAL, "timeout": 60.0}})
    token = agent.only()
    assert agent.runs == []
    agent.fire(token, end={"state": "success", "xcoms": {"x": 1}})
    agent.serve(lambda: rig.cell.run_state(key) == "success")
    assert agent.runs == []
