"""`@dag.task`: the decorators of @task for one DAG."""

from __future__ import annotations

from functools import partial
from typing import Any


class BoundDecorators:
    """As `airflow.decorators.task`; the tasks are the DAG's wherever they are called."""

    def __init__(self, dag: Any) -> None:
        self._dag = dag

    def __call__(self, *args: Any, **options: Any) -> Any:
        from airflow.decorators import task

        return task(*args, dag=self._dag, **options)

    def __getattr__(self, name: str) -> Any:
        from airflow.decorators import task

        return partial(getattr(task, name), dag=self._dag)
