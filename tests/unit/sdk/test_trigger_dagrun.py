"""TriggerDagRunOperator: what it asks for, and how it ends. LatestOnlyOperator beside it, which asks too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from airflow._task.serialize import serialize_task

from .conftest import DAY, Bundle
from .engine import Engine

HEAD = """
from datetime import datetime, timezone
from airflow import DAG
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
dag = DAG('d')
def order(context, dag_run_obj):
    dag_run_obj.payload = {'from': context['ds']}
    return dag_run_obj
def trigger(**options):
    options = {'trigger_dag_id': 'down', 'poke_interval': 0, **options}
    return TriggerDagRunOperator(task_id='t', dag=dag, **options)
"""


@pytest.fixture
def engine(bundle: Bundle) -> Engine:
    engine = Engine(runs={("down", "old"): "success"}, paused={"sleeping"})
    engine.put_on(bundle.comms)
    return engine


@pytest.fixture
def trigger(bundle: Bundle, engine: Engine) -> Callable[..., dict[str, Any]]:
    """Run an operator; `trigger('conf={}')`."""
    return lambda options, **changes: bundle.run(bundle.load(f"{HEAD}trigger({options})"), "t", **changes)


def test_plain_trigger_is_of_now(trigger: Callable[..., Any], engine: Engine, bundle: Bundle) -> None:
    before = dt.datetime.now(dt.UTC)
    assert trigger("")["state"] == "success"
    (asked,) = engine.triggered
    assert before <= asked["logical_date"] <= dt.datetime.now(dt.UTC)
    assert asked["run_id"] == f"manual__{asked['logical_date'].isoformat()}"
    assert (asked["conf"], asked["reset"], asked["run_after"]) == ({}, False, None)
    assert bundle.comms.xcoms["t", -1, "trigger_run_id"] == asked["run_id"]


@pytest.mark.parametrize(
    "options, asked",
    [
        (
            "trigger_run_id='{{ ds }}', conf={'x': '{{ ds }}'}",
            {"run_id": "2024-05-06", "conf": {"x": "2024-05-06"}},
        ),
        ("logical_date='{{ logical_date }}'", {"logical_date": DAY}),
        ("execution_date=datetime(2024, 5, 6, tzinfo=timezone.utc)", {"logical_date": DAY}),
        ("logical_date=None", {"logical_date": None}),
        ("run_after='2024-05-06T00:00:00+00:00'", {"logical_date": None, "run_after": DAY}),
        ("conf='{\"x\": 1}', note='why'", {"conf": {"x": 1}, "note": "why"}),
        ("trigger_run_id='old', reset_dag_run=True", {"run_id": "old", "reset": True}),
        ("python_callable=order", {"conf": {"from": "2024-05-06"}}),
    ],
)
def test_what_is_asked_for(
    trigger: Callable[..., Any], engine: Engine, options: str, asked: dict[str, Any]
) -> None:
    word = trigger(options)
    assert word["state"] == "success", word["reason"]
    assert {name: engine.triggered[0][name] for name in asked} == asked


@pytest.mark.parametrize(
    "options, state, retry",
    [
        ("trigger_run_id='old', skip_when_already_exists=True", "skipped", True),
        ("fail_when_dag_is_paused=True, trigger_dag_id='sleeping'", "failed", True),
        ("trigger_dag_id='sleeping'", "success", True),
        ("conf={'x': dag}", "failed", True),
        ("python_callable=lambda context, order: None", "skipped", True),
    ],
)
def test_ends_without_a_run(trigger: Callable[..., Any], options: str, state: str, retry: bool) -> None:
    word = trigger(options)
    assert (word["state"], word["retry"]) == (state, retry), word["reason"]


def test_run_that_exists_fails_the_task_for_good_in_airflow_3(
    generation: int, trigger: Callable[..., Any]
) -> None:
    word = trigger("trigger_run_id='old'")
    assert (word["state"], word["retry"]) == ("failed", generation < 3)


@pytest.mark.parametrize(
    "end, options, state",
    [
        ("success", "", "success"),
        ("failed", "", "failed"),
        ("failed", ", allowed_states=['success', 'failed'], failed_states=[]", "success"),
    ],
)
def test_waiting_for_the_end(
    trigger: Callable[..., Any], engine: Engine, end: str, options: str, state: str
) -> None:
    looks = iter(("queued", "running", end))
    engine.on_look = lambda: engine.runs.update({("down", "r"): next(looks)})
    word = trigger(f"trigger_run_id='r', wait_for_completion=True{options}")
    assert (word["state"], list(looks)) == (state, [])


def test_deferred_wait_and_its_end(trigger: Callable[..., Any]) -> None:
    options = "trigger_run_id='r', wait_for_completion=True, deferrable=True"
    word = trigger(options)
    assert word["state"] == "deferred"
    assert word["details"]["deferral"]["classpath"].endswith("external_task.DagStateTrigger")
    ends = []
    for state in ("success", "failed"):
        resume = {"next_method": "execute_complete", "next_kwargs": {}, "error": None}
        resume["event"] = ["place", {"run_ids": ["r"], "r": state}]
        ends.append(trigger(options, extra={"first_start": 1.0, "resume": resume})["state"])
    assert ends == ["success", "failed"]


def test_arrow_to_the_other_dag_is_in_the_serialised_task(bundle: Bundle) -> None:
    dag = bundle.load(f"{HEAD}trigger()")["d"]
    assert serialize_task(dag.get_task("t"))["external"] == [{"kind": "trigger", "dag_id": "down"}]


@pytest.mark.parametrize(
    "run_type, end, skipped",
    [
        ("manual", DAY, []),
        ("scheduled", DAY, ["a"]),
        ("scheduled", dt.datetime(2999, 1, 1, tzinfo=dt.UTC), []),
        ("scheduled", None, []),
    ],
)
def test_latest_only(bundle: Bundle, engine: Engine, run_type: str, end: Any, skipped: list[str]) -> None:
    engine.next_end = end
    dags = bundle.load(
        "from airflow import DAG\nfrom airflow.operators.empty import EmptyOperator\n"
        "from airflow.operators.latest_only import LatestOnlyOperator\n"
        "with DAG('d'):\n    LatestOnlyOperator(task_id='t') >> EmptyOperator(task_id='a')"
    )
    word = bundle.run(dags, "t", run={"run_type": run_type})
    assert word["details"].get("skip", []) == skipped
