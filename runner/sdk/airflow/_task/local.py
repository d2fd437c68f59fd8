"""`dag.test()` and `python my_dag.py`: all tasks of a DAG in this process, without a server.

What tasks ask is answered from memory. Trigger rules are those of the engine in short: a task runs when nothing
before it failed or, with a rule that waits for the end only, in any case.
"""

from __future__ import annotations

import argparse
import datetime as dt
from typing import Any

from airflow._task.comms import CommsError, current, set_current
from airflow._task.execute import execute
from airflow._wire import encoding
from airflow._wire.workload import Workload
from airflow.utils.timezone import coerce_aware, utcnow

_RUNS_ANYWAY = ("all_done", "always", "all_done_setup_success", "one_failed", "all_failed", "one_done")


class LocalComms:
    """Answers what a task may ask, from dictionaries."""

    def __init__(self, run_id: str, variables: dict[str, str]) -> None:
        self.run_id = run_id
        self.variables = dict(variables)
        self.xcoms: dict[tuple[str, str], Any] = {}
        self.states: dict[str, str] = {}
        self.task_id = ""

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        answer = getattr(self, f"_{method}", None)
        if answer is None:
            raise CommsError("unavailable", f"cannot answer {method!r} without a server")
        return answer(**params)

    def _get_xcom(self, task_id: str, key: str, **_: Any) -> dict[str, Any]:
        found = (task_id, key) in self.xcoms
        return {"found": found, "value": self.xcoms.get((task_id, key))}

    def _list_xcoms(self, task_ids: list[str] | None, key: str | None, **_: Any) -> list[dict[str, Any]]:
        return [
            {"task_id": task_id, "map_index": -1, "value": value}
            for (task_id, name), value in self.xcoms.items()
            if (task_ids is None or task_id in task_ids) and key in (None, name)
        ]

    def _set_xcom(self, key: str, value: Any) -> None:
        self.xcoms.pop((self.task_id, key), None)
        self.xcoms[self.task_id, key] = value

    def _delete_xcom(self, key: str) -> None:
        self.xcoms.pop((self.task_id, key), None)

    def _get_variable(self, key: str) -> dict[str, Any]:
        return {"found": key in self.variables, "value": self.variables.get(key)}

    def _set_variable(self, key: str, value: str, **_: Any) -> None:
        self.variables[key] = value

    def _delete_variable(self, key: str) -> None:
        self.variables.pop(key, None)

    def _get_connection(self, conn_id: str) -> dict[str, Any]:
        return {"found": False}

    def _mask(self, values: list[str]) -> None:
        return None

    def _get_previous_run(self, **_: Any) -> dict[str, Any]:
        return {"found": False}

    def _list_dag_runs(self, **_: Any) -> list[dict[str, Any]]:
        return []

    def _get_task_states(self, task_ids: list[str] | None, **_: Any) -> dict[str, str]:
        return {name: state for name, state in self.states.items() if task_ids is None or name in task_ids}


def manual_run(date: dt.datetime, conf: dict[str, Any]) -> dict[str, Any]:
    """The facts of a run that somebody asked for."""
    dates = dict.fromkeys(("logical_date", "data_interval_start", "data_interval_end", "run_after"), date)
    return dict(encoding.to_plain({**dates, "run_type": "manual", "conf": conf}))


def run_dag(
    dag: Any,
    execution_date: dt.datetime | None = None,
    run_conf: dict[str, Any] | None = None,
    *,
    logical_date: dt.datetime | None = None,
    variables: dict[str, str] | None = None,
    **_: Any,
) -> dict[str, str]:
    """Run every task once, in order; each task's end state by id."""
    date = coerce_aware(logical_date or execution_date or utcnow())
    comms = LocalComms(f"manual__{date.isoformat()}", variables or {})
    run = manual_run(date, run_conf or {})
    before = current()
    try:
        for task in dag.topological_sort():
            comms.states[task.task_id] = _end_of(task, dag, comms, run)
    finally:
        set_current(before)
    return comms.states


def _end_of(task: Any, dag: Any, comms: LocalComms, run: dict[str, Any]) -> str:
    """The state of one task, run if it may."""
    states = [comms.states[task_id] for task_id in sorted(task.upstream_task_ids)]
    rule = str(task.trigger_rule)
    if comms.states.get(task.task_id) == "skipped":
        return "skipped"
    if rule not in _RUNS_ANYWAY:
        if any(state in ("failed", "upstream_failed") for state in states) and rule != "one_success":
            return "upstream_failed"
        if states and "skipped" in states and (rule == "all_success" or "success" not in states):
            return "skipped"
    comms.task_id = task.task_id
    workload = Workload("local", dag.dag_id, comms.run_id, task.task_id, 1, 1, "local", dag.fileloc, run)
    word = execute(workload, {dag.dag_id: dag}, comms, {"log_level": "INFO"})
    comms.xcoms.update({(task.task_id, key): value for key, value in word["xcoms"].items()})
    comms.states.update(dict.fromkeys(word["details"].get("skip", ()), "skipped"))
    return str(word["state"])


def command_line(dag: Any) -> None:
    """`list` prints the tasks in order, `test` runs them; nothing else needs no server."""
    parser = argparse.ArgumentParser(description=f"DAG {dag.dag_id}")
    parser.add_argument(
        "action", choices=("list", "test"), nargs="?", help="list the tasks, or run them here"
    )
    action = parser.parse_args().action
    if action == "list":
        print(*(task.task_id for task in dag.topological_sort()), sep="\n")
    elif action == "test":
        for task_id, state in run_dag(dag).items():
            print(f"{task_id}: {state}")
    else:
        parser.print_help()
