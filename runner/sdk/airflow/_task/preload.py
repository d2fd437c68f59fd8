"""What tasks normally need, imported once in the zygote so that no child imports it again."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "jinja2",
    "jinja2.sandbox",
    "pendulum",
    "zoneinfo",
    "airflow.decorators",
    "airflow.macros",
    "airflow.models.connection",
    "airflow.models.dag",
    "airflow.models.variable",
    "airflow.operators.bash",
    "airflow.operators.empty",
    "airflow.operators.python",
    "airflow.utils.task_group",
    "airflow._task.execute",
    "airflow._task.parse",
    "airflow._task.templates",
)


def preload() -> None:
    """Import them all; what an environment lacks (a broken pendulum, say) is left to the task that needs it."""
    for name in MODULES:
        try:
            import_module(name)
        except ImportError:
            if name.startswith("airflow."):
                raise
