"""A task that defers, and one that is resumed, as their process sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from airflow._wire import encoding

from .conftest import Bundle

HEAD = """
from datetime import datetime, timedelta
from airflow import DAG
from airflow.exceptions import *
from airflow.models import BaseOperator
from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TriggerEvent
from airflow.triggers.temporal import DateTimeTrigger
from airflow.triggers.testing import SuccessTrigger
dag = DAG("d", schedule=None, start_date=datetime(2024, 1, 1))
class Op(BaseOperator):
    template_fields = ("name",)
    def __init__(self, name="n", **kwargs):
        super().__init__(**kwargs)
        self.name = name
    def execute(self, context):
        self.defer(trigger=Opaque(), method_name="done", kwargs={"a": (1, 2)}, timeout=timedelta(minutes=5))
    def done(self, context, event=None, a=None):
        return [self.name, event, list(a), context["ti"].next_method]
class Opaque(BaseTrigger):
    def serialize(self): return "m.Opaque", {"at": datetime(2024, 1, 1), "n": 1}
    async def run(self): yield TriggerEvent(1)
"""
NEXT = {"next_method": "done", "next_kwargs": encoding.to_plain({"a": (1, 2)}), "event": {"x": 1}}


@pytest.fixture
def one(bundle: Bundle) -> Callable[..., dict[str, Any]]:
    def run(source: str, **changes: Any) -> dict[str, Any]:
        return bundle.run(bundle.load(HEAD + source), "t", **changes)

    return run


def test_deferral_says_what_to_wait_for(one: Callable[..., Any]) -> None:
    word = one("Op(task_id='t', dag=dag)")
    assert (word["state"], word["xcoms"]) == ("deferred", {})
    deferral = word["details"]["deferral"]
    assert encoding.from_plain(deferral["kwargs"])["n"] == 1
    assert encoding.from_plain(deferral["next_kwargs"]) == {"a": (1, 2)}
    assert (deferral["classpath"], deferral["next_method"], deferral["timeout"]) == (
        "m.Opaque",
        "done",
        300.0,
    )


def test_resumed_task_is_rendered_and_goes_on_with_its_method(one: Callable[..., Any]) -> None:
    word = one("Op(task_id='t', dag=dag, name='{{ ds }}')", extra={"resume": NEXT, "first_start": 1.0})
    assert word["state"] == "success"
    assert word["xcoms"]["return_value"] == ["2024-05-06", {"x": 1}, [1, 2], "done"]


def test_failed_trigger_fails_the_task_with_its_traceback_in_the_log(
    one: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    word = one("Op(task_id='t', dag=dag)", extra={"resume": {"error": "failure", "traceback": "its words"}})
    assert (word["state"], word["retry"]) == ("failed", True)
    assert word["reason"] == "TaskDeferralError: Trigger failure"
    assert "its words" in capfd.readouterr().out
    word = one("Op(task_id='t', dag=dag)", extra={"resume": {"error": "timeout", "traceback": None}})
    assert word["reason"] == "TaskDeferralTimeout: Trigger timeout"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("trigger=1, method_name='m'", "AttributeError: 'int' object has no attribute 'serialize'"),
        ("trigger=SuccessTrigger(), method_name='m', kwargs={'x': object()}", "object has no JSON form"),
    ],
)
def test_deferral_that_cannot_be_handed_over_fails(one: Callable[..., Any], bad: str, reason: str) -> None:
    source = f"class Bad(Op):\n    def execute(self, context): self.defer({bad})\nBad(task_id='t', dag=dag)"
    word = one(source)
    assert word["state"] == "failed"
    assert reason in word["reason"]


@pytest.mark.parametrize(("version", "spans"), [("2.10.3", True), ("3.3.2", False)])
def test_execution_timeout_covers_the_wait_before_3(
    one: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, version: str, spans: bool
) -> None:
    monkeypatch.setenv("AERODROME_AIRFLOW_VERSION", version)
    task = "Op(task_id='t', dag=dag, execution_timeout=timedelta(seconds=60))"
    timeout = one(task, extra={"first_start": time.time() - 20})["details"]["deferral"]["timeout"]
    assert timeout == pytest.approx(40, abs=5) if spans else timeout == 300
    late = one(task, extra={"first_start": time.time() - 61, "resume": NEXT})
    assert late["state"] == ("failed" if spans else "success")


def test_task_that_starts_from_a_trigger_is_left_to_the_engine_unless_it_has_templates(
    bundle: Bundle,
) -> None:
    source = """
class Start(Op):
    start_from_trigger = True
    def __init__(self, name, **kwargs):
        super().__init__(name=name, **kwargs)
        self.start_trigger_args = StartTriggerArgs("m.T", "done", {"name": name}, {"a": [1]}, timedelta(seconds=9))
Start(task_id="plain", dag=dag, name="x")
Start(task_id="t", dag=dag, name="{{ ds }}", execution_timeout=timedelta(seconds=5))
"""
    tasks = bundle.dag(HEAD + source)["tasks"]
    plain = {"classpath": "m.T", "kwargs": {"name": "x"}, "next_method": "done", "next_kwargs": {"a": [1]}}
    assert tasks["plain"]["start_trigger"] == {**plain, "timeout": 9.0}
    assert tasks["t"]["start_trigger"] is None
    word = bundle.run(bundle.load(HEAD + source), "t")
    assert word["state"] == "deferred"
    assert word["details"]["deferral"]["kwargs"] == {"name": "2024-05-06"}


def test_dag_test_waits_for_triggers_itself(bundle: Bundle) -> None:
    source = """
from airflow.triggers.testing import FailureTrigger
from airflow.triggers.base import TaskSkippedEvent
class Never(Opaque):
    async def run(self):
        import asyncio
        await asyncio.sleep(600)
        yield TriggerEvent(1)
class Skips(Opaque):
    def __init__(self, n): super().__init__()
    def serialize(self): return f"{Skips.__module__}.Skips", {"n": 1}
    async def run(self): yield TaskSkippedEvent()
class Late(Never):
    def serialize(self): return f"{Late.__module__}.Late", {}
class Any(Op):
    def __init__(self, trigger, timeout=None, **kwargs):
        super().__init__(**kwargs)
        self.trigger, self.timeout = trigger, timeout
    def execute(self, context): self.defer(trigger=self.trigger, method_name="done", timeout=self.timeout)
    def done(self, context, event): assert event
Any(task_id="now", dag=dag, trigger=DateTimeTrigger(moment=datetime.fromisoformat("2024-01-01T00:00:00+00:00")))
Any(task_id="fails", dag=dag, trigger=FailureTrigger())
Any(task_id="late", dag=dag, trigger=Late(), timeout=0.05)
Any(task_id="skips", dag=dag, trigger=Skips(1))
"""
    (dag,) = bundle.load(HEAD + source).values()
    assert dag.test().states == {"now": "success", "fails": "failed", "late": "failed", "skips": "skipped"}
