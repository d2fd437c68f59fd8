"""Decorated tasks, groups, outputs by key, labels, parameters, setup and teardown."""
from __future__ import annotations

import pendulum

from airflow.decorators import dag, setup, task, task_group, teardown
from airflow.exceptions import AirflowSkipException
from airflow.models.baseoperator import chain
from airflow.models.param import Param
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import get_current_context
from airflow.utils.edgemodifier import Label
from airflow.utils.task_group import TaskGroup


@dag(
    schedule="30 6 * * 1-5",
    start_date=pendulum.datetime(2024, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    tags=["compat"],
    params={"number": Param(3, type="integer", minimum=1), "word": "plain"},
)
def gen2_taskflow():
    @task(multiple_outputs=True)
    def extract():
        return {"rows": [1, 2, 3], "name": "numbers"}

    @task
    def total(rows, factor=1):
        return sum(rows) * factor

    @task
    def see_context(params=None):
        context = get_current_context()
        return [context["ti"].task_id, params["number"], context["dag_run"].run_type]

    @task.branch
    def choose(value):
        return "group.chosen" if value > 5 else "group.other"

    @task.short_circuit
    def carry_on():
        return False

    @task
    def skip_itself():
        raise AirflowSkipException("not today")

    @task_group
    def doubled(value):
        @task
        def double(x):
            return x * 2

        return double(double(value))

    @setup
    def make():
        return "made"

    @teardown
    def clean(what):
        return f"no more {what}"

    @task(trigger_rule="none_failed_min_one_success")
    def after():
        return "after"

    data = extract()
    result = total(data["rows"], factor=2)
    bash = BashOperator(task_id="bash", bash_command="echo '{{ ti.xcom_pull('extract')['name'] }} {{ params.word }}'")
    with TaskGroup("group") as group:
        chosen = EmptyOperator(task_id="chosen")
        other = EmptyOperator(task_id="other")
    choose(result) >> Label("which") >> [chosen, other]
    finish = after()
    group >> finish
    result >> doubled(result) >> bash
    carry_on() >> EmptyOperator(task_id="not_reached")
    skip_itself() >> EmptyOperator(task_id="skipped_too")
    chain(see_context(), [EmptyOperator(task_id="a"), EmptyOperator(task_id="b")], EmptyOperator(task_id="c"))
    made = make()
    made >> EmptyOperator(task_id="work") >> clean(made)


gen2_taskflow()
