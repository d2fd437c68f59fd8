"""Histories of deferred tasks: waiting, firing, timing out, ending from a trigger, starting from one."""

from __future__ import annotations

from typing import Any

import pytest
from airflow._wire import messages
from cryptography.fernet import Fernet

from runner.domain.slots import Limits
from runner.domain.spec import TaskSpec
from runner.domain.states import TaskInstanceState
from runner.scheduler import firing
from runner.scheduler.deferrals import describe_trigger, make_resume
from runner.scheduler.instances import Run, Task
from runner.store.secrets import SecretBox
from tests.unit.runner.scheduler.histories import LINK, History, find, states

S = TaskInstanceState
WANTED = {"classpath": "m.T", "kwargs": {"k": "hush"}, "next_method": "done", "next_kwargs": {"a": 1}}


class Waits(History):
    """A history whose engine has keys."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.frontier.box = SecretBox({"k": Fernet(Fernet.generate_key())}, "k")

    def defer(self, run: Run, task_id: str = "a", timeout: float | None = None) -> Task:
        task = find(run, task_id)
        self.report(task, "deferred", details={"deferral": {**WANTED, "timeout": timeout}})
        return task

    def fire(self, token: str, **event: Any) -> None:
        message = messages.trigger_event(token, **event)
        firing.note_event(self.frontier, LINK, message, self.now, retry=True)


def start(**fields: Any) -> tuple[Waits, Run]:
    history = Waits()
    run = history.add_run([TaskSpec("a", **fields), TaskSpec("b", upstream=("a",))])
    return history, run


def test_deferred_task_waits_sealed_and_goes_on_in_the_turn_of_its_event() -> None:
    history, run = start()
    history.turn()
    task = history.defer(run)
    changes = history.frontier.changes
    row = changes.deferrals[task.id]
    assert row is not None and changes.waits == [task]
    assert "hush" not in row.kwargs and row.token == task.attempt
    assert describe_trigger(history.frontier, task)["kwargs"] == {"k": "hush"}
    assert (history.turn(), task.state, task.is_live) == ([], S.DEFERRED, False)
    first, tries = task.attempt or "", task.try_number
    history.fire(first, event={"n": 1})
    assert make_resume(history.frontier, task) == {
        "next_method": "done",
        "next_kwargs": {"a": 1},
        "event": {"n": 1},
    }
    assert history.frontier.changes.event_acks == {LINK: [first]}
    assert history.frontier.changes.cancels == []
    assert (history.turn(), task.try_number, task.attempt != first) == (["a"], tries, True)
    history.report(task, "success")
    assert history.frontier.changes.deferrals == {task.id: None}
    assert history.turn() == ["b"]


def test_stale_or_second_event_is_acknowledged_and_changes_nothing() -> None:
    history, run = start()
    history.turn()
    task = history.defer(run)
    token = task.attempt or ""
    history.turn()
    history.fire("another")
    assert task.state is S.DEFERRED
    history.fire(token, event=1)
    history.fire(token, event=2)
    assert history.frontier.changes.event_acks == {LINK: ["another", token, token]}
    assert history.turn() == ["a"]
    assert (make_resume(history.frontier, task) or {})["event"] == 1
    history.fire(token, event=3)
    assert (task.state, history.turn()) == (S.QUEUED, [])


def test_task_defers_again_under_its_new_token() -> None:
    history, run = start()
    history.turn()
    task = history.defer(run)
    old = task.attempt or ""
    history.turn()
    history.fire(old, event=1)
    history.turn()
    history.defer(run)
    row = history.frontier.changes.deferrals[task.id]
    assert row is not None and row.token != old and row.event is None
    assert list(history.frontier.waiting.tasks) == [task.attempt]


def test_waiting_too_long_resumes_the_task_to_fail_and_cancels_the_trigger() -> None:
    history, run = start()
    history.turn()
    task = history.defer(run, timeout=10.0)
    token = task.attempt
    assert task.next_at == 110.0
    history.turn()
    firing.time_out(history.frontier, task, 109.0)
    assert task.state is S.DEFERRED
    firing.time_out(history.frontier, task, 110.0)
    assert history.frontier.changes.cancels == [token]
    assert make_resume(history.frontier, task) == {"error": "timeout", "traceback": None}
    assert history.turn() == ["a"]


def test_failing_trigger_resumes_the_task_with_its_traceback() -> None:
    history, run = start()
    history.turn()
    task = history.defer(run)
    history.fire(task.attempt or "", error="Traceback\0")
    assert make_resume(history.frontier, task) == {"error": "failure", "traceback": "Traceback"}


@pytest.mark.parametrize(
    ("state", "retries", "ends"),
    [
        ("success", 0, "success"),
        ("skipped", 0, "skipped"),
        ("failed", 0, "failed"),
        ("failed", 1, "up_for_retry"),
    ],
)
def test_trigger_may_end_its_task_without_a_process(state: str, retries: int, ends: str) -> None:
    history, run = start(retries=retries)
    history.turn()
    task = history.defer(run)
    history.turn()
    history.fire(task.attempt or "", end={"state": state, "xcoms": {"x": 1}})
    assert states(run)["a"] == ends
    assert history.frontier.changes.deferrals == {task.id: None}
    assert history.frontier.changes.xcoms[task.id, "x"]["value"] == "1"
    assert history.turn() == (["b"] if state == "success" else [])


@pytest.mark.parametrize("details", [{}, {"deferral": None}, {"deferral": {"classpath": 5}}])
def test_deferral_without_a_trigger_fails(details: dict[str, Any]) -> None:
    history, run = start()
    history.turn()
    history.report(find(run, "a"), "deferred", details=details)
    assert states(run)["a"] == "failed"
    assert "did not say what to wait for" in (find(run, "a").reason or "")


@pytest.mark.parametrize(("counted", "starts"), [(frozenset({"p"}), []), (frozenset[str](), ["b"])])
def test_deferred_task_keeps_its_slot_in_pools_that_say_so(
    counted: frozenset[str], starts: list[str]
) -> None:
    history = Waits()
    history.limits = Limits({"p": 1}, with_deferred=counted)
    run = history.add_run([TaskSpec(name, pool="p") for name in ("a", "b")])
    assert history.turn() == ["a"]
    task = history.defer(run)
    assert history.turn() == starts
    history.fire(task.attempt or "", event=1)
    assert history.turn() == [name for name in ["b"] if name not in starts]  # it waits for longer
    history.report(find(run, "b"), "success")
    assert history.turn() == ["a"]


def test_end_of_the_run_cancels_what_its_tasks_wait_for() -> None:
    history, run = start()
    history.turn()
    task = history.defer(run)
    history.turn()
    token = task.attempt
    history.frontier.move(task, S.SKIPPED)
    assert history.frontier.changes.cancels == [token]
    assert (history.frontier.waiting.tasks, +history.frontier.usage.deferred) == ({}, {})


def test_task_that_starts_from_a_trigger_needs_no_slot_and_no_process() -> None:
    history = Waits(slots=0, pools={"default_pool": 0})
    wanted = {**WANTED, "timeout": None}
    run = history.add_run([TaskSpec("a", retries=1, retry_delay=5.0, start_trigger=wanted)])
    assert history.turn() == []
    task = find(run, "a")
    assert (task.state, task.try_number, task.start_date) == (S.DEFERRED, 1, 100.0)
    history.fire(task.attempt or "", end={"state": "failed"})
    assert task.state is S.UP_FOR_RETRY
    history.turn()
    history.now = 105.0
    history.frontier.wake(task, history.now)
    history.turn()
    assert (task.state, task.try_number) == (S.DEFERRED, 2)


def test_paused_dag_starts_nothing_from_triggers() -> None:
    history = Waits()
    history.limits = Limits({"default_pool": 1}, paused=frozenset({"d"}))
    run = history.add_run([TaskSpec("a", start_trigger=WANTED)])
    history.turn()
    assert states(run)["a"] is None
    assert not history.frontier.is_stuck(run)
    history.limits = Limits({"default_pool": 1})
    history.turn()
    assert states(run)["a"] == "deferred"
