"""The serialised DAG: what scheduling reads is what parsing writes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from airflow import DAG
from airflow._task.serialize import serialize_dag
from airflow._wire.serialized import SerializedDag, SerializedTask
from airflow.operators.empty import EmptyOperator
from airflow.utils.trigger_rule import TriggerRule

from runner.domain.graph import build
from runner.domain.setups import find_deciding_leaves
from runner.domain.spec import DagSpec, TaskSpec, read_dag
from runner.domain.trigger_rules import RULES


def made() -> dict[str, Any]:
    with DAG("d") as dag:
        setup, work = EmptyOperator(task_id="s"), EmptyOperator(task_id="w")
        teardown = EmptyOperator(task_id="t").as_teardown(setups=setup, on_failure_fail_dagrun=True)
        setup >> work >> teardown
    return serialize_dag(dag, "d.py")


@pytest.mark.parametrize(("spec", "wire"), [(TaskSpec, SerializedTask), (DagSpec, SerializedDag)])
def test_every_field_that_scheduling_reads_is_on_the_wire(spec: Any, wire: Any) -> None:
    assert {field.name for field in fields(spec)} <= wire.__annotations__.keys()


def test_serialising_writes_every_key_of_the_wire() -> None:
    data = made()
    assert data.keys() == SerializedDag.__annotations__.keys()
    assert data["tasks"][0].keys() == SerializedTask.__annotations__.keys()


def test_every_trigger_rule_that_can_be_written_has_a_meaning() -> None:
    assert TriggerRule.all_triggers() == RULES.keys()


def test_a_teardown_that_may_fail_the_run_decides_its_end() -> None:
    spec = read_dag(made())
    leaves = find_deciding_leaves(build(spec.tasks))
    assert [spec.tasks[i].task_id for i in leaves] == ["t"]
