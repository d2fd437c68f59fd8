"""Weight rules of users: asked once, while the DAG is parsed."""

from __future__ import annotations

import pytest

from .conftest import Bundle

DAG = """
from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.task.priority_strategy import PriorityWeightStrategy

class Falling(PriorityWeightStrategy):
    def get_weight(self, ti):
        return ti.task.priority_weight * 10 - ti.try_number

class NeedsARun(PriorityWeightStrategy):
    def get_weight(self, ti):
        return ti.dag_run.id

with DAG("d", schedule=None) as dag:
    EmptyOperator(task_id="t", priority_weight=3, weight_rule={rule})
"""


@pytest.mark.parametrize("rule", ["Falling()", "Falling"])
def test_a_rule_of_the_users_own_becomes_a_weight_when_the_dag_is_parsed(bundle: Bundle, rule: str) -> None:
    task = bundle.dag(DAG.replace("{rule}", rule))["tasks"]["t"]
    assert (task["priority_weight"], task["weight_rule"]) == (30, "absolute")


def test_a_rule_that_needs_a_run_is_an_error_that_names_it(bundle: Bundle) -> None:
    error = bundle.parse(DAG.replace("{rule}", "NeedsARun()"))["error"]
    assert "cannot weigh the task 't' by NeedsARun" in error
