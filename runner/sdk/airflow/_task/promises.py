"""Telling of broken promises: a run's deadline (3.x), tasks' SLAs (1.10 and 2.x)."""

from __future__ import annotations

import asyncio
import inspect
from functools import partial
from typing import Any

from airflow._task.callbacks import run_callbacks
from airflow.models.deadline import list_deadlines
from airflow.utils.timezone import from_timestamp


def tell_deadline(dag: Any, context: Any, wanted: dict[str, Any]) -> list[BaseException]:
    """Call the callback of the DAG's deadline of that number; what it raised."""
    alert = list_deadlines(dag)[wanted["number"]]
    facts = {"deadline_time": from_timestamp(wanted["at"]), "alert_name": alert.name}
    values = {**dict(context), "deadline": facts}
    return run_callbacks(
        lambda _context: _call(alert.callback, values), context, "the callback of a deadline"
    )


def tell_reference(
    dag: Any, context: Any, wanted: dict[str, Any], details: dict[str, Any]
) -> list[BaseException]:
    """Ask the reference of the DAG's deadline of that number; its answer goes into `details`. What it raised."""

    def ask(_context: Any) -> None:
        reference = list_deadlines(dag)[wanted["number"]].reference
        found = reference.evaluate(dag_id=dag.dag_id, run_id=context["run_id"])
        details["reference_at"] = None if found is None else found.timestamp()

    return run_callbacks(ask, context, "the reference of a deadline")


def _call(callback: Any, context: Any) -> Any:
    """A function gets its keyword arguments and, where it takes one, the context; a notifier is made and called."""
    function: Any = callback.find()
    if inspect.isclass(function):
        notifier: Any = function(**callback.kwargs)
        return notifier(context)
    parameters = inspect.signature(function).parameters.values()
    takes = any(p.name == "context" or p.kind is p.VAR_KEYWORD for p in parameters)
    result = function(**callback.kwargs, **({"context": context} if takes else {}))
    return asyncio.run(result) if inspect.iscoroutine(result) else result


class SlaMiss:
    """One task that was late, as a sla_miss_callback gets it."""

    def __init__(self, dag_id: str, task_id: str, run: Any, at: float) -> None:
        self.dag_id, self.task_id, self.run_id = dag_id, task_id, run.run_id
        self.execution_date = self.logical_date = run.logical_date
        self.timestamp = from_timestamp(at)
        self.email_sent = self.notification_sent = False
        self.description = ""

    def __repr__(self) -> str:
        return f"<SLA miss of {self.dag_id}.{self.task_id} in {self.run_id}>"


def tell_slas(dag: Any, context: Any, wanted: dict[str, Any]) -> list[BaseException]:
    """Call `sla_miss_callback(dag, task_list, blocking_task_list, slas, blocking_tis)` and mail those concerned."""
    run = context["dag_run"]
    slas = [SlaMiss(dag.dag_id, task_id, run, at) for task_id, at in wanted["tasks"]]
    blocking = [ti for ti in run.get_task_instances() if ti.state not in ("success", "skipped")]
    late = "\n".join(f"{sla.task_id} on {run.logical_date}" for sla in slas)
    names = "\n".join(f"{ti.task_id} on {run.logical_date}" for ti in blocking)
    given = dag.sla_miss_callback
    callbacks = given if isinstance(given, (list, tuple)) else [given] if given else []
    calls = [partial(_call_sla, callback, (dag, late, names, slas, blocking)) for callback in callbacks]
    addresses = sorted({address for sla in slas for address in _addresses(dag, sla.task_id)})
    if addresses:
        calls.append(partial(_mail, dag, addresses, late, names))
    return run_callbacks(calls, context, "sla_miss_callback")


def _call_sla(callback: Any, arguments: tuple[Any, ...], _context: Any) -> None:
    callback(*arguments)


def _addresses(dag: Any, task_id: str) -> list[str]:
    email = dag.get_task(task_id).email if dag.has_task(task_id) else None
    return [email] if isinstance(email, str) else list(email or [])


def _mail(dag: Any, addresses: list[str], late: str, blocking: str, _context: Any) -> None:
    from airflow.utils.email import send_email

    body = f"Tasks that were not done in time:<pre>{late}</pre>Tasks that they wait for:<pre>{blocking}</pre>"
    send_email(addresses, f"[airflow] SLA miss on DAG={dag.dag_id}", body)
