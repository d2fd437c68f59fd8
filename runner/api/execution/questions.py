"""One function per question of `messages.CHILD_METHODS`. The scheduler has checked that the attempt is the live one.

XCom values stay in the plain form of `airflow._wire.encoding` on their way through. Reading is free within the
cell; writing XComs is for the attempt's own task instance only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runner.api.context import CellContext
from runner.api.execution import assets, dags, hitl, run_lists, runs, xcoms
from runner.api.execution.asking import AttemptInfo, Question, Refused
from runner.store.connections import find_connection
from runner.store.variables import Variable, delete_variable, find_variable, put_variable

__all__ = ["AttemptInfo", "Refused", "handle"]


def handle(context: CellContext, attempt: AttemptInfo, method: str, params: Mapping[str, Any]) -> Any:
    """The answer, as plain JSON. Raises Refused, whose `code` and `message` go back to the child."""
    answer = METHODS.get(method)
    if answer is None:
        raise Refused("invalid", f"cannot answer {method!r}: there is no such question")
    return answer(Question(context, attempt, params))


def get_variable(question: Question) -> dict[str, Any]:
    with question.cell.db.read() as conn:
        found = find_variable(conn, question.cell.box, question.text("key"))
    return {"found": found is not None, "value": found.value if found else None}


def set_variable(question: Question) -> None:
    key, value = question.text("key"), question.text("value")
    if not 0 < len(key) <= 250:
        raise Refused("invalid", "cannot set a variable: its key must have 1 to 250 characters")
    with question.cell.db.begin() as conn:
        put_variable(conn, question.cell.box, Variable(key, value, question.text_or_none("description")))


def remove_variable(question: Question) -> None:
    with question.cell.db.begin() as conn:
        delete_variable(conn, question.text("key"))


def get_connection(question: Question) -> dict[str, Any]:
    with question.cell.db.read() as conn:
        found = find_connection(conn, question.cell.box, question.text("conn_id"))
    if found is None:
        return {"found": False}
    names = ("conn_type", "host", "login", "password", "schema", "port", "extra", "description")
    return {"found": True, **{name: getattr(found, name) for name in names}}


def mask(question: Question) -> None:
    """The agent answers this itself; one that passes it on loses nothing."""


METHODS: dict[str, Callable[[Question], Any]] = {
    "get_xcom": xcoms.get_xcom,
    "get_xcom_item": xcoms.get_xcom_item,
    "list_xcoms": xcoms.list_xcoms,
    "set_xcom": xcoms.set_xcom,
    "delete_xcom": xcoms.delete_own_xcom,
    "put_hitl_detail": hitl.put_hitl_detail,
    "get_variable": get_variable,
    "set_variable": set_variable,
    "delete_variable": remove_variable,
    "get_connection": get_connection,
    "mask": mask,
    "get_dag_run": runs.get_dag_run,
    "get_asset": assets.get_asset,
    "list_inactive_assets": assets.list_inactive_assets,
    "list_asset_events": assets.list_asset_events,
    "list_triggering_events": assets.list_triggering_events,
    "get_task_states": runs.get_task_states,
    "get_previous_run": runs.get_previous_run,
    "list_dag_runs": run_lists.list_dag_runs,
    "trigger_dag_run": runs.trigger_dag_run,
    "get_next_interval": runs.get_next_interval,
    "get_dag": dags.get_dag,
    "count_dag_runs": dags.count_dag_runs,
    "count_task_instances": dags.count_task_instances,
    "list_task_states": dags.list_task_states,
}
