"""The tables that `airflow db clean` knows. Files make the choices of a param of them."""

from __future__ import annotations

all_tables = [
    "callback_request", "celery_taskmeta", "celery_tasksetmeta", "dag", "dag_run", "dataset_event", "import_error",
    "job", "log", "session", "sla_miss", "task_fail", "task_instance", "task_instance_history", "task_reschedule",
    "trigger", "xcom",
]  # fmt: skip
