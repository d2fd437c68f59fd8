"""@task variants of installed providers, found through their `apache_airflow_provider` entry points."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from airflow.utils.module_loading import import_string

PACKAGES = {
    "docker": "apache-airflow-providers-docker",
    "kubernetes": "apache-airflow-providers-cncf-kubernetes",
    "kubernetes_cmd": "apache-airflow-providers-cncf-kubernetes",
    "pyspark": "apache-airflow-providers-apache-spark",
    "snowpark": "apache-airflow-providers-snowflake",
    "agent": "apache-airflow-providers-common-ai",
    "llm": "apache-airflow-providers-common-ai",
    "analytics": "apache-airflow-providers-common-sql",
}
"""Where to find the variants that people know: for the message when the package is not installed."""


def get_decorator(name: str) -> Any:
    """What `@task.name` is. Raises AttributeError when no installed provider has it."""
    path = find_decorators().get(name)
    if path is not None:
        return import_string(path)
    package = PACKAGES.get(name)
    advice = f": add {package} to the environment's requirements" if package else ": there is no such variant"
    raise AttributeError(f"cannot use @task.{name}{advice}")


def find_decorators() -> dict[str, str]:
    """The dotted path of every variant of the installed providers, by name."""
    found: dict[str, str] = {}
    for entry in entry_points(group="apache_airflow_provider"):
        info = entry.load()()
        for row in info.get("task-decorators", ()):
            found.setdefault(row["name"], row["class-name"])
    return found
