"""`dag.test()` and `python my_dag.py`: one run of a DAG in this process, without a server.

What tasks ask is answered from memory (`local_comms`); `local_steps` runs them in order.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from airflow._task.comms import current, set_current
from airflow._task.local_comms import Instance, LocalComms, manual_run, read_connections, read_variables
from airflow._task.local_steps import Steps
from airflow.models.dagrun import DagRun
from airflow.utils.timezone import coerce_aware, utcnow

__all__ = ["LocalComms", "LocalRun", "command_line", "manual_run", "run_dag"]

_UNSET: Any = object()
_FORMAT = "[%(asctime)s] %(levelname)s %(name)s - %(message)s"


class LocalRun(DagRun):
    """What `dag.test()` gives: the run, with the ends of its tasks. `instances` has them by task id and map index."""

    def __init__(self, dag_id: str, comms: LocalComms) -> None:
        super().__init__(dag_id, comms.run_id, comms.facts)
        self.instances: dict[Instance, str] = comms.states

    @property
    def states(self) -> dict[str, str]:
        """The ends of the tasks by id; those of instances by `id[index]`."""
        return {
            task_id if index < 0 else f"{task_id}[{index}]": state
            for (task_id, index), state in self.instances.items()
        }

    def _states(self, task_ids: list[str] | None) -> dict[str, Any]:
        return {name: state for name, state in self.states.items() if task_ids is None or name in task_ids}


def run_dag(
    dag: Any,
    execution_date: dt.datetime | None = None,
    run_conf: dict[str, Any] | None = None,
    conn_file_path: str | None = None,
    variable_file_path: str | None = None,
    use_executor: bool = False,
    mark_success_pattern: Any = None,
    *,
    logical_date: Any = _UNSET,
    run_after: dt.datetime | None = None,
    variables: dict[str, str] | None = None,
    **_: Any,
) -> LocalRun:
    """Run every task; the run, with the states of all. `use_executor` changes nothing: everything runs here.

    Tasks whose id matches `mark_success_pattern` as a whole succeed without running. `logical_date=None` is a run
    without one, as 3.x has them.
    """
    given = execution_date or run_after if logical_date is _UNSET else logical_date
    date = None if given is None and logical_date is None else coerce_aware(given or utcnow())
    after = coerce_aware(run_after or date or utcnow())
    infer = getattr(dag.timetable, "infer_manual_data_interval", None)
    interval = infer(run_after=date) if infer is not None and date is not None else None
    known = {**read_variables(variable_file_path), **(variables or {})}
    comms = LocalComms(f"manual__{after.isoformat()}", known, read_connections(conn_file_path))
    comms.facts = manual_run(date, run_conf or {}, interval, after)
    if not logging.root.handlers:
        logging.basicConfig(level=logging.INFO, format=_FORMAT)
    before = current()
    try:
        steps = Steps(dag, comms, mark_success_pattern)
        found = LocalRun(dag.dag_id, comms)
        found.state = steps.run()
        steps.call_back(found.state)
        return found
    finally:
        set_current(before)


def command_line(dag: Any) -> None:
    """`list` prints the tasks in order, `test` runs them; nothing else needs no server."""
    import argparse

    parser = argparse.ArgumentParser(description=f"DAG {dag.dag_id}")
    parser.add_argument(
        "action", choices=("list", "test"), nargs="?", help="list the tasks, or run them here"
    )
    action = parser.parse_args().action
    if action == "list":
        print(*(task.task_id for task in dag.topological_sort()), sep="\n")
    elif action == "test":
        for task_id, state in run_dag(dag).states.items():
            print(f"{task_id}: {state}")
    else:
        parser.print_help()
