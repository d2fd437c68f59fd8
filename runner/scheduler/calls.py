"""Which callbacks an end calls for, beyond those that a task calls itself. Pure.

A task calls its own callbacks at its end. The engine has called what no task can: a run's, and those of a task whose
process could not say its last word (killed, lost, its file cannot be imported).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.domain.states import DagRunState, TaskInstanceState
from runner.scheduler.instances import Run, Task
from runner.store.callbacks import NewCallback
from runner.store.deadlines import Missed

_MISSED = {"reason": "it had not ended in time", "state": "running"}


def want_for_run(run: Run, state: DagRunState, reason: str | None) -> list[NewCallback]:
    """What a run's end calls: the DAG's callback for it, with the context of a task that decided."""
    spec = run.plan.spec
    succeeded = state is DagRunState.SUCCESS
    listening = want_for_listeners(run, state, reason)
    if not (spec.has_on_success_callback if succeeded else spec.has_on_failure_callback):
        return listening
    kind = "dag_success" if succeeded else "dag_failure"
    data = {"reason": reason or ("success" if succeeded else "task_failure"), "state": str(state)}
    task = _find_deciding(run)
    about = {} if task is None else {"task": _describe(task)}
    return [NewCallback(kind, run.dag_id, run.key, {**data, **about}), *listening]


def want_for_listeners(run: Run, state: DagRunState, reason: str | None) -> list[NewCallback]:
    """What plugins' listeners want to be told of a run's beginning or end."""
    if str(state) not in run.plan.spec.run_listeners:
        return []
    return [NewCallback("run_listener", run.dag_id, run.key, {"reason": reason, "state": str(state)})]


def want_for_task(
    task: Task, state: TaskInstanceState | None, outcome: Mapping[str, Any]
) -> list[NewCallback]:
    """What a failed attempt calls that could not call its own callbacks."""
    wanted = {
        TaskInstanceState.FAILED: task.spec.has_on_failure_callback,
        TaskInstanceState.UP_FOR_RETRY: task.spec.has_on_retry_callback,
    }
    if state is None or not wanted.get(state) or (outcome.get("details") or {}).get("called_back"):
        return []
    data = {"reason": outcome.get("reason"), "state": str(state), "task": _describe(task)}
    return [NewCallback("task", task.run.dag_id, task.run.key, data, task.id)]


def want_for_promises(missed: Sequence[Missed]) -> list[NewCallback]:
    """What broken promises call: each deadline its own callback, the SLAs of one run one call together."""
    late: dict[tuple[str, int], list[Missed]] = {}
    for item in missed:
        if item.task_id:
            late.setdefault((item.dag_id, item.run), []).append(item)
    slas = [
        NewCallback(
            "sla_miss", dag_id, run, {**_MISSED, "tasks": [[item.task_id, item.at] for item in items]}
        )
        for (dag_id, run), items in late.items()
    ]
    return slas + [
        NewCallback("deadline", item.dag_id, item.run, {**_MISSED, "number": item.number, "at": item.at})
        for item in missed
        if not item.task_id
    ]


def _find_deciding(run: Run) -> Task | None:
    """The last task to end, of those that failed when some did."""
    ended = [task for task in run.tasks if task.end_date is not None]
    failed = [task for task in ended if task.state is TaskInstanceState.FAILED]
    return max(failed or ended, key=lambda task: task.end_date or 0.0, default=None)


def _describe(task: Task) -> dict[str, Any]:
    return {
        "task_id": task.spec.task_id,
        "map_index": task.map_index,
        "try_number": task.try_number,
        "max_tries": task.max_tries,
        "start_date": task.start_date,
        "end_date": task.end_date,
    }
