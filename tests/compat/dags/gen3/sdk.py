"""What 3.x writes: everything from airflow.sdk and the standard provider."""
from __future__ import annotations

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Label, Param, TaskGroup, Variable, chain, get_current_context, setup, task, task_group, teardown

with DAG(
    "gen3_sdk",
    schedule="@daily",
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    params={"n": Param(2, type="integer"), "names": Param(["a", "b"], type="array")},
    fail_fast=False,
) as dag:

    @task
    def pull_own(ti=None):
        ti.xcom_push("key", [1, {"two": 2}])
        return ti.xcom_pull(key="key")

    @task
    def see(logical_date=None, dag_run=None, params=None):
        context = get_current_context()
        return [logical_date is not None, dag_run.run_type, params["n"], sorted(k for k in context if k.startswith("next_"))]

    @task.run_if(lambda context: context["params"]["n"] == 2)
    @task
    def runs():
        return "ran"

    @task.skip_if(lambda context: True)
    @task
    def skips():
        return "never"

    @task.branch
    def choose():
        return ["yes", "group.inner"]

    @task.bash
    def shell():
        return "echo {{ params.names | length }}"

    @task(multiple_outputs=True)
    def several():
        return {"one": 1, "two": (2, 2)}

    @task
    def default_of_variable():
        return Variable.get("compat_missing", default="by default")

    @task
    async def waits():
        return "async"

    @setup
    def make():
        return "thing"

    @teardown
    def clean(thing):
        return f"clean {thing}"

    with TaskGroup("group") as group:
        inner = EmptyOperator(task_id="inner")
        PythonOperator(task_id="by_hand", python_callable=lambda one: one, op_args=[several()["one"]])
    yes, no = EmptyOperator(task_id="yes"), EmptyOperator(task_id="no")
    choose() >> Label("some") >> [yes, no, inner]
    chain(pull_own(), see(), BashOperator(task_id="bash", bash_command="echo {{ ds | length }}; exit 99"))
    runs() >> skips() >> EmptyOperator(task_id="after_skip")
    made = make()
    made >> shell() >> clean(made)
    default_of_variable() >> waits()

    @task_group
    def each(x):
        @task
        def double(v):
            return v * 2

        @task(trigger_rule="all_done")
        def check(v):
            if v > 4:
                raise ValueError(v)
            return v

        return check(double(x))

    @task(trigger_rule="one_failed")
    def total(values):
        return sorted(v for v in values if v is not None)

    total(each.expand(x=[1, 2, 3]))
