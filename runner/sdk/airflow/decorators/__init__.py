"""@dag, @task and its variants, @task_group, @setup, @teardown."""

from __future__ import annotations

from typing import Any

from airflow import aliases
from airflow.decorators.collection import TaskDecoratorCollection, task
from airflow.decorators.dag import dag
from airflow.decorators.setup_teardown import setup, teardown
from airflow.decorators.task import result
from airflow.decorators.task_group import task_group

__all__ = ["TaskDecoratorCollection", "dag", "result", "setup", "task", "task_group", "teardown"]


def __getattr__(name: str) -> Any:
    return aliases.resolve(__name__, name)
