"""Tasks mapped over literals, over results, over each other; mapped groups; nothing to map over."""
import datetime

from airflow import DAG
from airflow.decorators import task, task_group
from airflow.exceptions import AirflowSkipException
from airflow.operators.bash import BashOperator

with DAG("gen2_mapping", start_date=datetime.datetime(2024, 1, 1), schedule=None, catchup=False) as dag:

    @task
    def numbers():
        return [1, 2, 3]

    @task
    def sevens():
        return [7, 8, 9]

    @task
    def none():
        return []

    @task
    def add(x, y):
        return x + y

    @task
    def total(values):
        return sum(values)

    @task
    def odd_only(x):
        if x % 2 == 0:
            raise AirflowSkipException
        return x

    @task
    def fail_on(x):
        if x == 2:
            raise ValueError("two")
        return x

    @task
    def pairs(left, right):
        return [left, right]

    @task(trigger_rule="all_done")
    def finish():
        return "done"

    @task_group
    def pipeline(x):
        @task
        def first(v):
            return v * 10

        @task
        def second(v):
            return v + 1

        return second(first(x))

    found = numbers()
    total(add.partial(y=10).expand(x=found))
    add.override(task_id="crossed").expand(x=[1, 2], y=found)
    total.override(task_id="odd_total")(odd_only.expand(x=found))
    nothing = add.override(task_id="nothing").partial(y=1).expand(x=none())
    nothing >> finish.override(task_id="after_nothing")()
    fail_on.expand(x=found) >> finish()
    pairs.override(task_id="zipped").expand_kwargs(found.zip(sevens()).map(lambda p: {"left": p[0], "right": p[1]}))
    BashOperator.partial(task_id="bash").expand(bash_command=["echo one", "echo two"])
    total.override(task_id="group_total")(pipeline.expand(x=found))
