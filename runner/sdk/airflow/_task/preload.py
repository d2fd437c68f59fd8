"""What tasks normally need, imported and run once in the zygote, so that no child does either again.

Running matters as much as importing: what a child is the first to do (compiling patterns, filling caches, settling
byte code) it does in memory of its own, for every task anew.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from airflow._task import plugins

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
    "airflow.secrets.lookup",
    "airflow.operators.bash",
    "airflow.operators.empty",
    "airflow.operators.python",
    "airflow.utils.task_group",
    "airflow._task.deferral",
    "airflow._task.execute",
    "airflow._task.parse",
    "airflow._task.templates",
)


ROUNDS = 12
"""How often a function must have run before the interpreter has settled its byte code."""


def preload() -> None:
    """Import them all and run a small task; what an environment lacks (a broken pendulum, say) is left to the tasks."""
    for name in MODULES:
        try:
            import_module(name)
        except ImportError:
            if name.startswith("airflow."):
                raise
            return
    plugins.list_entry_points()
    warm()


def warm() -> None:
    """Run a task of each common kind in this process, with its log thrown away."""
    from airflow._task.execute import Attempt
    from airflow._task.local import LocalComms, manual_run
    from airflow._wire.workload import Workload
    from airflow.models.dag import DAG
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.operators.python import PythonOperator
    from airflow.utils.timezone import utc_epoch

    with DAG("warm", schedule=None, auto_register=False) as dag:
        PythonOperator(
            task_id="t", python_callable=_work, op_kwargs={"day": "{{ ds }} {{ macros.ds_add(ds, 1) }}"}
        )
    run = DagRun("warm", "warm", manual_run(utc_epoch(), {}))
    workload = Workload("warm", "warm", "warm", "t", 1, 1, "warm", "warm.py", {})
    comms = LocalComms("warm", {})
    level = logging.root.manager.disable
    logging.disable()
    try:
        for _ in range(ROUNDS):
            task = dag.get_task("t").prepare_for_execution()
            Attempt(TaskInstance(workload, task, run, comms), workload).run()
    finally:
        logging.disable(level)


def _work(day: str, ti: Any) -> str:
    return day
