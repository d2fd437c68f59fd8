"""TaskFlow, groups, labels, setup and teardown, with 3.x imports."""
from __future__ import annotations

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Label, Param, TaskGroup, chain, dag, setup, task, task_group, teardown


@dag(
    schedule="@hourly",
    start_date=pendulum.datetime(2024, 1, 1, tz="Asia/Seoul"),
    params={"n": Param(3, type="integer", minimum=1), "who": "world"},
    max_active_runs=2,
)
def taskflow_groups():
    """Groups and outputs."""

    @setup
    def make():
        return "room"

    @teardown
    def remove(room):
        print(room)

    @task
    def number(params=None) -> int:
        return params["n"]

    @task(multiple_outputs=True)
    def split(n):
        return {"half": n // 2, "rest": n % 2}

    @task_group(group_id="inner")
    def inner(value):
        @task
        def double(x):
            return 2 * x

        return double(double(value))

    @task.short_circuit
    def is_big(x):
        return x > 100

    room = make()
    n = number()
    parts = split(n)
    total = inner(parts["half"])
    room >> n
    is_big(total) >> Label("big") >> EmptyOperator(task_id="celebrate")
    room >> remove(room)


taskflow_groups()

with DAG("grouped", schedule=None) as grouped:
    first = EmptyOperator(task_id="first")
    with TaskGroup("outer", default_args={"retries": 5}) as outer:
        one = BashOperator(task_id="one", bash_command="echo {{ dag_run.run_id }}")
        with TaskGroup("nested") as nested:
            two = BashOperator(task_id="two", bash_command="echo 2", retries=1)
        one >> nested
    last = EmptyOperator(task_id="last", on_success_callback=print)
    chain(first, outer, last)
