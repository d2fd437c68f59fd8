"""The few settings that DAG files read, and the names of the metadata database, which say what to use instead."""

from __future__ import annotations

import os
from typing import Any

from airflow import aliases

GUNICORN_WORKER_READY_PREFIX = "[ready] "
LAZY_LOAD_PLUGINS = LAZY_LOAD_PROVIDERS = True
LOG_FORMAT = "[%(asctime)s] {%(filename)s:%(lineno)d} %(levelname)s - %(message)s"
SIMPLE_LOG_FORMAT = "%(asctime)s %(levelname)s - %(message)s"
KILOBYTE = 1024
MEGABYTE = KILOBYTE * KILOBYTE
CAN_FORK = hasattr(os, "fork")
EXECUTE_TASKS_NEW_PYTHON_INTERPRETER = False
STATE_COLORS: dict[str, str] = {}


def __getattr__(name: str) -> Any:
    if name == "TIMEZONE":
        from airflow.utils.timezone import default_zone

        return default_zone()
    if name in _FROM_ENVIRONMENT:
        return os.environ.get(*_FROM_ENVIRONMENT[name])
    if name == "LOGGING_LEVEL":
        import logging

        return logging.getLogger().getEffectiveLevel()
    return aliases.resolve(__name__, name)


_FROM_ENVIRONMENT = {
    "DAGS_FOLDER": ("AIRFLOW__CORE__DAGS_FOLDER", ""),
    "PLUGINS_FOLDER": ("AIRFLOW__CORE__PLUGINS_FOLDER", ""),
    "AIRFLOW_HOME": ("AIRFLOW_HOME", ""),
}


def task_policy(task: Any) -> None:
    """What an environment's `airflow_local_settings` may define; here it changes nothing."""


def dag_policy(dag: Any) -> None:
    """As `task_policy`, for DAGs."""


def task_instance_mutation_hook(task_instance: Any) -> None:
    """As `task_policy`, for a task about to run."""


def pod_mutation_hook(pod: Any) -> None:
    """As `task_policy`, for the pods that the Kubernetes provider starts."""


def initialize() -> None:
    """Nothing is left to initialise when a DAG file runs."""


def get_airflow_context_vars(context: Any) -> dict[str, str]:
    """More variables for a task's processes; the environment's own come from `context_to_airflow_vars`."""
    return {}


def configure_orm(*_: Any, **__: Any) -> None:
    """A task has no ORM; what uses one says so (see `airflow.utils.session`)."""
