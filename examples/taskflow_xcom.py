"""Python functions as tasks: what one returns, the next one receives.

The order of the tasks follows from who uses whose result.
"""

from datetime import datetime

from airflow.sdk import dag, task


@dag(schedule=None, start_date=datetime(2024, 1, 1), tags=["example"])
def taskflow_xcom():
    @task
    def collect() -> dict[str, int]:
        """A dict in the annotation: each key is a result of its own."""
        return {"apples": 3, "pears": 4}

    @task
    def add(apples: int, pears: int) -> int:
        return apples + pears

    @task
    def announce(total: int, ds=None):
        """Names of the run's context (`ds`, `ti`, `params` ...) are filled in."""
        print(f"{total} pieces of fruit on {ds}")

    fruit = collect()
    announce(add(fruit["apples"], fruit["pears"]))


taskflow_xcom()
