"""A chain of tasks that each compute fib(NUMBER): Windmill's published shape, in Airflow's own words."""

from datetime import datetime

from airflow.sdk import DAG, task
from bodies import recorded

DAG_ID = "wm_light"
LENGTH = 40
NUMBER = 10


def fibonacci(n):
    return n if n <= 1 else fibonacci(n - 1) + fibonacci(n - 2)


with DAG(DAG_ID, schedule=None, start_date=datetime(2023, 1, 1), catchup=False):
    previous = None
    for index in range(LENGTH):

        @task(task_id=f"t{index:04d}")
        def compute(**context):
            with recorded(context):
                return fibonacci(NUMBER)

        step = compute()
        if previous is not None:
            previous >> step
        previous = step
