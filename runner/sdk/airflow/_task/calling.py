"""A process that calls callbacks and runs no task: a DAG's, or those of a task that could not call them itself."""

from __future__ import annotations

import logging
from typing import Any

from airflow._task import context as contexts
from airflow._task.callbacks import run_callbacks, tell
from airflow._task.outcomes import Outcome, last_word
from airflow._wire.frames import Message
from airflow._wire.workload import Workload
from airflow.exceptions import AirflowException
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance

log = logging.getLogger("airflow.task")
_OF_DAG = {"dag_success": "on_success_callback", "dag_failure": "on_failure_callback"}


def call_back(workload: Workload, dags: dict[str, Any], comms: Any) -> Message:
    """Call what `workload.extra["callback"]` names; the finish message. What a callback raises makes it a failure."""
    wanted = workload.extra["callback"]
    dag = dags.get(workload.dag_id)
    if dag is None:
        raise AirflowException(
            f"cannot call {wanted['kind']}: {workload.file} has no DAG {workload.dag_id!r}"
        )
    context = build_context(workload, dag, comms, wanted)
    token = contexts.enter(context)
    log.info("calling back for %s of the DAG %s: %s", wanted["kind"], dag.dag_id, wanted["reason"])
    details: dict[str, Any] = {}
    try:
        name, raised = _call(dag, context, wanted, details)
    finally:
        contexts.leave(token)
    if raised:
        return last_word(Outcome("failed", f"{name} raised {raised[0]!r}", retry=False), {}, {})
    return last_word(Outcome("success"), {}, details)


def _call(
    dag: Any, context: Any, wanted: dict[str, Any], details: dict[str, Any]
) -> tuple[str, list[BaseException]]:
    """What was called, and what it raised; what is to be told of it goes into `details`."""
    match wanted["kind"]:
        case "task":
            name = "on_retry_callback" if wanted["state"] == "up_for_retry" else "on_failure_callback"
            return name, tell(context["task"], context, name)
        case "deadline":
            from airflow._task.promises import tell_deadline

            return "the deadline's callback", tell_deadline(dag, context, wanted)
        case "deadline_reference":
            from airflow._task.promises import tell_reference

            return "the deadline's reference", tell_reference(dag, context, wanted, details)
        case "sla_miss":
            from airflow._task.promises import tell_slas

            return "sla_miss_callback", tell_slas(dag, context, wanted)
        case "run_listener":
            from airflow._task import listening

            name, run = f"on_dag_run_{wanted['state']}", context["dag_run"]
            return f"the listener {name}", listening.tell(
                name, dag_run=run, msg=wanted["reason"] or "", session=None
            )
    name = _OF_DAG[wanted["kind"]]
    return name, run_callbacks(getattr(dag, name), context, name)


def build_context(workload: Workload, dag: Any, comms: Any, wanted: dict[str, Any]) -> Any:
    """The context of the task that the callback is about; of the run alone when it is about none."""
    run = DagRun(workload.dag_id, workload.run_id, {**workload.run, "state": wanted["state"]})
    about = wanted.get("task")
    if about is None or not dag.has_task(workload.task_id):
        facts = {"dag": dag, "dag_run": run, "run_id": run.run_id, "logical_date": run.logical_date}
        return {**facts, "params": dag.params, "reason": wanted["reason"]}
    task = dag.get_task(workload.task_id).prepare_for_execution()
    ti = TaskInstance(workload, task, run, comms)
    ti.try_number, ti.max_tries = about["try_number"], about["max_tries"] - 1
    ti.state = wanted["state"] if wanted["kind"] == "task" else ti.state
    context = contexts.build(ti, task, dag)
    context["reason"] = wanted["reason"]
    if wanted["kind"] == "task":
        context["exception"] = AirflowException(wanted["reason"] or "the task failed")
    return context
