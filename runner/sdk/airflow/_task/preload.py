"""What tasks normally need, imported in a zygote, so that no child does it again. `rehearsal` runs it besides.

The base zygote has what all tasks need, and no more: every megabyte of it costs each fork a tenth of a millisecond.
What only some need (Jinja) is added by the zygote of a file that has such tasks; what an operator needs comes with it
when the file imports it.

Running matters as much as importing: what a child is the first to do (compiling patterns, filling caches, settling
byte code) it does in memory of its own, for every task anew.
"""

from __future__ import annotations

import contextlib
import logging
from importlib import import_module
from typing import Any

from airflow._task import plugins

MODULES = (
    "_strptime",  # what datetime.strptime imports when it is first called
    "pendulum",
    "zoneinfo",
    "airflow.decorators",
    "airflow.macros",
    "airflow.models.connection",
    "airflow.models.dag",
    "airflow.models.variable",
    "airflow.secrets.lookup",
    "airflow.operators.empty",
    "airflow.operators.python",
    "airflow.utils.task_group",
    "airflow._task.deferral",
    "airflow._task.execute",
    "airflow._task.load",
    "airflow._task.rendered",
    "airflow._task.templates",
)
TEMPLATE_MODULES = ("jinja2", "jinja2.sandbox", "jinja2.ext", "uuid", "random")
NEEDED = (
    "airflow.sdk", "airflow._task.child", "airflow._task.zygote", *MODULES,
    "airflow._task.parse", "airflow.operators.bash", *TEMPLATE_MODULES,
)  # fmt: skip
"""What must be there beside what a user installs: an environment in which one cannot be imported is not made."""
STANDARD = frozenset(
    {"argparse", "base64", "hashlib", "pickle", "random", "shutil", "subprocess", "tempfile", "uuid"}
)
"""What functions often import when they run."""
FORMATTING = frozenset({"format", "diff_for_humans", "in_words"})
CALLBACKS = tuple(f"on_{end}_callback" for end in ("execute", "failure", "retry", "skipped", "success"))


def preload() -> None:
    """Import them all; what an environment lacks (a broken pendulum, say) is left to the tasks."""
    for name in MODULES:
        try:
            import_module(name)
        except ImportError:
            if name.startswith("airflow."):
                raise
            return
    plugins.list_entry_points()


def preload_for(dags: dict[str, Any]) -> None:
    """What only some tasks need, for a file that has such tasks. What is broken is left to them: they meet it again."""
    tasks = [task for dag in dags.values() for task in dag.tasks]
    for task in {type(task): task for task in tasks}.values():
        with contextlib.suppress(Exception):
            task.log.isEnabledFor(logging.INFO)
    try:
        named = frozenset().union(*map(list_names, tasks))
        for name in STANDARD & named:
            import_module(name)
        if FORMATTING & named:  # a date in words, for which pendulum reads a file of a language
            import_module("pendulum").locale("en")
        if any(map(needs_jinja, tasks)):
            for name in TEMPLATE_MODULES:
                import_module(name)
            warm_templates()
    except Exception:
        return


def list_names(task: Any) -> tuple[str, ...]:
    """The attributes, globals and modules that a task's function names."""
    code = getattr(getattr(task, "python_callable", None), "__code__", None)
    return getattr(code, "co_names", ())


def needs_jinja(task: Any) -> bool:
    """Whether a task will take Jinja; so it is said when it cannot be seen."""
    from airflow._task.context import NAMES
    from airflow._task.templates import Renderer

    owners = (task, task.get_dag())
    callbacks = [getattr(owner, name, None) for owner in owners for name in CALLBACKS]
    fields = [task.partial_kwargs, task.expand_input.value] if task.is_mapped else [task]
    values = [*fields, *callbacks, task.map_index_template]
    try:
        renderer = Renderer(task, dict.fromkeys(NAMES, ""))
        return bool(getattr(task, "renders_result", False)) or renderer.needs_jinja(values)
    except Exception:  # of a user's property, or of a structure that holds itself
        return True


def warm_templates() -> None:
    """Render a template as tasks do. Once: of the pages that a child copies for it, more rounds save none."""
    from airflow._task import context
    from airflow._task.local_comms import LocalComms, manual_run
    from airflow._wire.workload import Workload
    from airflow.models.dag import DAG
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.operators.python import PythonOperator
    from airflow.utils.timezone import utc_epoch

    with DAG("warm", schedule=None, auto_register=False) as dag:
        task = PythonOperator(task_id="t", python_callable=print, op_args=["{{ macros.ds_add(ds, 1) }}"])
    run = DagRun("warm", "warm", manual_run(utc_epoch(), {}))
    workload = Workload("warm", "warm", "warm", "t", 1, 1, "warm", "warm.py", {})
    ti = TaskInstance(workload, task, run, LocalComms("warm", {}))
    task.render_template_fields(context.build(ti, task, dag))
