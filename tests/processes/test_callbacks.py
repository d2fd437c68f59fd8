"""Callbacks that the engine has called: after what ends, how often, and that none is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from airflow._wire import messages

from runner.scheduler import loop
from runner.store.schema import callback, deadline
from tests.processes.cells import Cell, make_dag
from tests.processes.rig import Rig


@pytest.fixture
def rig(database_url: str, tmp_path: Path) -> Iterator[Rig]:
    cell = Cell(tmp_path / "cell", database_url)
    rig = Rig(cell)
    yield rig
    rig.close()
    cell.close()


def list_states(rig: Rig) -> list[tuple[str, str, int]]:
    with rig.cell.db.read() as conn:
        query = sa.select(callback.c.kind, callback.c.state, callback.c.tries).order_by(callback.c.id)
        return [tuple(row) for row in conn.execute(query)]


def end(state: str, **fields: Any) -> dict[str, Any]:
    return messages.outcome(state, started_at=time.time(), ended_at=time.time(), **fields)


def test_listeners_hear_of_a_runs_beginning_and_end_when_a_file_says_that_there_are_any(rig: Rig) -> None:
    rig.cell.put(make_dag("d", {"a": []}, run_listeners=["running", "success"]))
    rig.agent.decide = lambda work: end("success")
    rig.connect()
    rig.finish(rig.trigger("d"))
    serve_calls(rig, 2)
    told = [work["extra"]["callback"] for work in calls(rig)]
    assert [(each["kind"], each["state"]) for each in told] == [
        ("run_listener", "running"),
        ("run_listener", "success"),
    ]


def calls(rig: Rig) -> list[dict[str, Any]]:
    return [work for work in rig.agent.runs if "callback" in work["extra"]]


def serve_calls(rig: Rig, number: int) -> None:
    rig.agent.serve(lambda: len(calls(rig)) == number and not rig.agent.held)
    rig.agent.serve(lambda: all(state == "success" for _kind, state, _tries in list_states(rig)))


@pytest.mark.parametrize(
    ("state", "kind"), [("success", "dag_success"), ("failed", "dag_failure")], ids=["success", "failure"]
)
def test_a_runs_end_is_told_once_with_the_task_that_decided(rig: Rig, state: str, kind: str) -> None:
    flags = {"has_on_success_callback": True, "has_on_failure_callback": True}
    rig.cell.put(make_dag("d", {"a": [], "b": ["a"]}, **flags))
    rig.agent.decide = lambda work: end("success" if "callback" in work["extra"] else state)
    rig.connect()
    key = rig.trigger("d")
    rig.finish(key, state)
    serve_calls(rig, 1)
    work = calls(rig)[0]
    assert work["extra"]["callback"]["kind"] == kind
    assert work["task_id"] == ("b" if state == "success" else "a")
    assert (work["run_id"], work["bundle"], work["file"]) == ("r1", "bundle", "f.py")


def test_nothing_is_called_for_who_has_no_callbacks(rig: Rig) -> None:
    rig.cell.put(make_dag("d", {"a": []}))
    rig.agent.decide = lambda _work: end("failed", lost=True)
    rig.connect()
    rig.finish(rig.trigger("d"), "failed")
    assert list_states(rig) == []


@pytest.mark.parametrize(
    ("details", "expected"),
    [({}, ["up_for_retry", "failed"]), ({"called_back": True}, [])],
    ids=["silent", "told"],
)
def test_a_tasks_callbacks_are_called_for_it_when_it_could_not(
    rig: Rig, details: dict[str, Any], expected: list[str]
) -> None:
    flags = {"has_on_failure_callback": True, "has_on_retry_callback": True}
    rig.cell.put(make_dag("d", {"a": []}, task={"retries": 1, "retry_delay": 0.01, **flags}))
    rig.agent.decide = lambda work: (
        end("success") if "callback" in work["extra"] else end("failed", reason="killed", details=details)
    )
    rig.connect()
    rig.finish(rig.trigger("d"), "failed")
    serve_calls(rig, len(expected))
    assert [work["extra"]["callback"]["state"] for work in calls(rig)] == expected
    assert [work["extra"]["callback"]["task"]["try_number"] for work in calls(rig)] == [1, 2][: len(expected)]


def test_a_lost_call_is_made_again_and_a_failed_one_is_not(rig: Rig) -> None:
    rig.cell.put(make_dag("d", {"a": []}, has_on_success_callback=True))
    ends = iter([end("success"), end("failed", lost=True), end("failed", reason="it raised")])
    rig.agent.decide = lambda _work: next(ends)
    rig.connect()
    rig.finish(rig.trigger("d"))
    rig.agent.serve(lambda: list_states(rig) == [("dag_success", "failed", 2)] and not rig.agent.held)
    assert len({work["attempt"] for work in calls(rig)}) == 2


def test_a_call_outlives_the_engine(rig: Rig) -> None:
    """Handed out, the engine goes away, comes back and takes the same attempt's word."""
    rig.cell.put(make_dag("d", {"a": []}, has_on_success_callback=True))
    rig.agent.decide = lambda work: None if "callback" in work["extra"] else end("success")
    rig.connect()
    rig.trigger("d")
    rig.agent.serve(lambda: len(calls(rig)) == 1)
    rig.scheduler.stop()
    rig.thread.join(20)
    again = Rig(rig.cell)
    again.agent.held = dict(rig.agent.held)
    again.connect()
    again.agent.finish(calls(rig)[0]["attempt"], end("success"))
    again.agent.serve(lambda: list_states(rig) == [("dag_success", "success", 1)] and not again.agent.held)
    assert again.agent.stops == [] and again.agent.runs == []
    again.close()


def test_a_missed_deadline_is_told_once_and_a_kept_one_is_forgotten(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = {"name": "late", "number": 0, "reference": {"kind": "queued_at"}, "interval": 0.05}
    early = {"name": "early", "number": 1, "reference": {"kind": "queued_at"}, "interval": 3600.0}
    rig.cell.put(make_dag("d", {"a": []}, deadlines=[late, early]))
    rig.agent.decide = lambda work: end("success") if "callback" in work["extra"] else None
    rig.connect()
    monkeypatch.setattr(loop, "POLL_SECONDS", 0.05)
    key = rig.trigger("d")
    rig.agent.serve(lambda: list_states(rig) == [("deadline", "success", 1)])
    assert (calls(rig)[0]["extra"]["callback"]["kind"], calls(rig)[0]["task_id"]) == ("deadline", "")
    assert calls(rig)[0]["extra"]["callback"]["number"] == 0
    rig.agent.finish(next(work["attempt"] for work in rig.agent.runs if work["task_id"]), end("success"))
    rig.finish(key)
    assert len(list_states(rig)) == 1


@pytest.mark.parametrize("said", [0.0, None, "soon"], ids=["missed", "nothing", "nonsense"])
def test_a_reference_of_the_users_own_is_asked_once_for_a_run_and_what_it_says_is_its_deadline(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, said: object
) -> None:
    own = {"name": "own", "number": 0, "reference": {"kind": "own"}, "interval": 5.0}
    rig.cell.put(make_dag("d", {"a": []}, deadlines=[own]))

    def decide(work: dict[str, Any]) -> dict[str, Any] | None:
        if "callback" not in work["extra"]:
            return None
        return end("success", details={"reference_at": said})

    rig.agent.decide = decide
    rig.connect()
    monkeypatch.setattr(loop, "POLL_SECONDS", 0.05)
    key = rig.trigger("d")
    expected = [("deadline_reference", "success", 1)]
    rig.agent.serve(lambda: list_states(rig) == expected + [("deadline", "success", 1)] * (said == 0.0))
    asked = calls(rig)[0]["extra"]["callback"]
    assert (asked["kind"], asked["number"], calls(rig)[0]["run_id"]) == ("deadline_reference", 0, "r1")
    if said == 0.0:
        assert calls(rig)[1]["extra"]["callback"]["at"] == 5.0
    rig.agent.finish(next(work["attempt"] for work in rig.agent.runs if work["task_id"]), end("success"))
    rig.finish(key)
    with rig.cell.db.read() as conn:
        assert len(list(conn.execute(sa.select(deadline)))) == (said == 0.0)


def test_a_reference_is_asked_by_the_next_engine_when_the_first_ended_before(rig: Rig) -> None:
    own = {"name": "own", "number": 0, "reference": {"kind": "own"}, "interval": 5.0}
    rig.cell.put(make_dag("d", {"a": []}, deadlines=[own]))
    rig.scheduler.stop()
    rig.thread.join(20)
    rig.cell.trigger("d", "r1")
    again = Rig(rig.cell)
    again.agent.decide = lambda work: end(
        "success", details={"reference_at": 1e12} if "callback" in work["extra"] else {}
    )
    again.connect()
    again.agent.serve(lambda: list_states(again) == [("deadline_reference", "success", 1)])
    again.close()
