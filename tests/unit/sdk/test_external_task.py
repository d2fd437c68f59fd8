"""ExternalTaskSensor and its triggers: what other DAGs' states make of the task that waits."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from airflow import DAG
from airflow._task import comms as comms_module
from airflow._task.serialize import serialize_task
from airflow.sensors.external_task import ExternalTaskMarker, ExternalTaskSensor
from airflow.triggers.external_task import DagStateTrigger, WorkflowTrigger

from .conftest import DAY, Bundle
from .engine import Engine

TODAY, YESTERDAY = "2024-05-06", "2024-05-05"
HEAD = """
from datetime import timedelta
from airflow import DAG
from airflow.sensors.external_task import ExternalTaskSensor
dag = DAG('d')
def wait(**options):
    options = {'external_dag_id': 'up', 'poke_interval': 0, 'timeout': 0, **options}
    return ExternalTaskSensor(task_id='t', dag=dag, **options)
def days(date, ds, **context):
    assert ds == '2024-05-06' and 'logical_date' not in context
    return [date, date - timedelta(days=1)]
"""


@pytest.fixture
def engine(bundle: Bundle) -> Engine:
    """`up` of today: a succeeded, b failed; the group g has both. Of yesterday: a, b succeeded."""
    tasks = {("up", TODAY, "a"): "success", ("up", TODAY, "b"): "failed"}
    tasks |= {("up", YESTERDAY, "a"): "success", ("up", YESTERDAY, "b"): "success"}
    engine = Engine(tasks, groups={("up", "g"): ["a", "b"]})
    engine.dates = {("up", TODAY): "failed", ("up", YESTERDAY): "success"}
    engine.put_on(bundle.comms)
    return engine


@pytest.fixture
def wait(bundle: Bundle, engine: Engine) -> Callable[..., dict[str, Any]]:
    """Run a sensor; `wait('external_task_id="a"')`."""
    return lambda options, **changes: bundle.run(bundle.load(f"{HEAD}wait({options})"), "t", **changes)


@pytest.mark.parametrize(
    "options, state",
    [
        ("external_task_id='a'", "success"),
        ("external_task_id='b'", "timeout"),
        ("external_task_id='b', allowed_states=['failed', 'success']", "success"),
        ("external_task_ids=['a', 'b']", "timeout"),
        ("external_task_ids=['a', 'b'], execution_delta=timedelta(days=1)", "success"),
        ("external_task_ids=['a', 'b'], failed_states=['failed']", "failed"),
        ("external_task_ids=['a', 'b'], failed_states=['failed'], soft_fail=True", "skipped"),
        ("external_task_ids=['a', 'b'], skipped_states=['failed']", "skipped"),
        ("external_task_id='{{ params.x }}', params={'x': 'a'}", "success"),
        ("external_task_id='a', execution_date_fn=days", "success"),
        ("external_task_id='b', execution_date_fn=days", "timeout"),
        ("external_task_id='a', execution_date_fn=lambda date: date - timedelta(days=1)", "success"),
        ("external_task_id='a', execution_delta=timedelta(days=9)", "timeout"),
        ("external_task_group_id='g'", "timeout"),
        ("external_task_group_id='g', execution_delta=timedelta(days=1)", "success"),
        ("external_task_group_id='g', allowed_states=['success', 'failed']", "success"),
        ("", "timeout"),
        ("execution_delta=timedelta(days=1)", "success"),
        ("failed_states=['failed']", "failed"),
        ("poll_interval=3, external_task_id='a'", "success"),
    ],
)
def test_wait_ends(wait: Callable[..., Any], options: str, state: str) -> None:
    word = wait(options)
    final = word["state"] == "failed" and not word["retry"]
    assert ("timeout" if final else word["state"]) == state, word["reason"]


def test_group_fails_with_one_task_before_airflow_3_and_with_all_of_them_later(
    generation: int, wait: Callable[..., Any]
) -> None:
    word = wait("external_task_group_id='g', failed_states=['failed']")
    assert word["retry"] is (generation < 3), word["reason"]


def test_existence_is_checked_before_airflow_3(generation: int, wait: Callable[..., Any]) -> None:
    missing = [
        wait(f"check_existence=True, {options}")["reason"]
        for options in (
            "external_dag_id='no_dag'",
            "external_task_id='no_task'",
            "external_task_group_id='g'",
        )
    ]
    found = ["no_dag' does not exist" in missing[0], "no task 'no_task'" in missing[1]]
    assert found == [generation < 3] * 2
    assert "does not exist" not in missing[2]


def test_run_without_a_logical_date_waits_for_its_run_after(wait: Callable[..., Any]) -> None:
    facts = {"logical_date": None, "data_interval_start": None, "data_interval_end": None, "run_after": DAY}
    assert wait("external_task_id='a'", run=facts)["state"] == "success"


def test_deferred_sensor_hands_all_it_knows_to_the_trigger(wait: Callable[..., Any], engine: Engine) -> None:
    word = wait("external_task_ids=['a', 'b'], failed_states=['failed'], deferrable=True, timeout=60")
    deferral = word["details"]["deferral"]
    assert word["state"] == "deferred"
    assert deferral["classpath"] == "airflow.providers.standard.triggers.external_task.WorkflowTrigger"


@pytest.mark.parametrize(
    "event, options, state",
    [
        ({"status": "success"}, "", "success"),
        ({"status": "skipped"}, "", "skipped"),
        ({"status": "failed"}, "", "failed"),
        ({"status": "failed"}, ", soft_fail=True", "skipped"),
        (None, "", "failed"),
    ],
)
def test_event_decides_how_a_resumed_sensor_ends(
    wait: Callable[..., Any], event: Any, options: str, state: str
) -> None:
    resume = {"next_method": "execute_complete", "next_kwargs": {}, "event": event, "error": None}
    word = wait(
        f"external_task_id='a', deferrable=True{options}", extra={"first_start": 1.0, "resume": resume}
    )
    assert word["state"] == state, word["reason"]


async def first_event(trigger: Any) -> Any:
    again = type(trigger)(**trigger.serialize()[1])
    return (await anext(again.run())).payload


@pytest.mark.parametrize(
    "options, status",
    [
        ({"external_task_ids": ["a"]}, "success"),
        (
            {"external_task_ids": ["a", "b"], "failed_states": ["failed"], "skipped_states": ["success"]},
            "failed",
        ),
        ({"external_task_group_id": "g", "skipped_states": ["failed", "success"]}, "skipped"),
        ({"allowed_states": ["failed"]}, "success"),
    ],
)
def test_workflow_trigger(bundle: Bundle, engine: Engine, options: dict[str, Any], status: str) -> None:
    comms_module.set_current(bundle.comms)
    given = {"allowed_states": ["success"], "logical_dates": [DAY], "poke_interval": 0.01, **options}
    assert asyncio.run(first_event(WorkflowTrigger("up", **given))) == {"status": status}


def test_dag_state_trigger_waits_for_all_and_tells_their_states(bundle: Bundle, engine: Engine) -> None:
    comms_module.set_current(bundle.comms)
    engine.runs = {("up", "r1"): "failed", ("up", "r2"): "running"}
    looks = iter(range(9))
    engine.on_look = lambda: engine.runs.update({("up", "r2"): "success"} if next(looks) else {})
    trigger = DagStateTrigger("up", ["success", "failed"], ["r1", "r2"], poll_interval=0.01)
    place, data = asyncio.run(first_event(trigger))
    assert place.endswith("external_task.DagStateTrigger")
    assert (data["r1"], data["r2"], data["run_ids"]) == ("failed", "success", ["r1", "r2"])


@pytest.mark.parametrize(
    "options, words",
    [
        (
            {"external_task_id": "a", "external_task_ids": ["b"]},
            "choose one of external_task_id and external_task_ids",
        ),
        ({"external_task_id": "a", "external_task_group_id": "b"}, "choose one of"),
        (
            {"execution_delta": dt.timedelta(1), "execution_date_fn": print},
            "execution_delta and execution_date_fn",
        ),
        ({"external_task_id": "a", "allowed_states": ["done"]}, r"cannot wait for the states \['done'\]"),
        ({"allowed_states": ["skipped"]}, r"cannot wait for the states \['skipped'\]"),
        ({"failed_states": ["success"]}, "a state is twice"),
    ],
)
def test_arguments_that_contradict_each_other(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception, match=words):
        ExternalTaskSensor(task_id="t", external_dag_id="up", **options)


def test_arrows_between_dags_are_in_the_serialised_task() -> None:
    dag = DAG("d")
    sensor = ExternalTaskSensor(task_id="t", external_dag_id="up", external_task_ids=["a", "b"], dag=dag)
    marker = ExternalTaskMarker(task_id="m", external_dag_id="down", external_task_id="x", dag=dag)
    assert [arrow["task_id"] for arrow in serialize_task(sensor)["external"]] == ["a", "b"]
    wire = serialize_task(marker)
    assert (wire["noop"], wire["external"]) == (True, [{"kind": "marker", "dag_id": "down", "task_id": "x"}])
    assert wire["extra_links"] == ["External DAG"]
