"""May an instance start, given how all that is before it ended? The engine's rules for a run that goes one by one.

Everything before an instance is over when it is asked about, so there is nothing to wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow._wire.states import TaskInstanceState
from airflow._wire.trigger_rules import EAGER, Counts, Outcome, evaluate, judge_setups

__all__ = [
    "BAD",
    "EAGER",
    "RUN",
    "SKIP",
    "UPSTREAM_FAILED",
    "find_deciding_leaves",
    "find_scope",
    "find_setups",
    "judge",
]

RUN, SKIP, UPSTREAM_FAILED = str(Outcome.RUN), str(Outcome.SKIP), str(Outcome.UPSTREAM_FAILED)
BAD = ("failed", "upstream_failed")
Ended = tuple[str, bool]
"""How an upstream ended, and whether it is a setup."""


def judge(rule: str, upstreams: Sequence[Ended], setups: Sequence[str] = ()) -> str:
    """RUN, or the state that the instance gets instead. `setups`: the ends of those it depends on indirectly."""
    counts = Counts(setups=sum(is_setup for _, is_setup in upstreams))
    for state, is_setup in upstreams:
        counts.add(TaskInstanceState(state), 1, is_setup)
    indirect = judge_setups([TaskInstanceState(state) for state in setups])
    return str(evaluate(rule, counts, len(upstreams), indirect))


def find_setups(task: Any) -> list[Any]:
    """Setups above a task, not directly, that are not torn down before it: they must have succeeded."""
    if task.is_teardown:
        return []
    above = task.get_flat_relative_ids(upstream=True)
    found = []
    for task_id in sorted(above - task.upstream_task_ids):
        setup = task.dag.get_task(task_id)
        teardowns = {below.task_id for below in setup.downstream_list if below.is_teardown}
        if setup.is_setup and (not teardowns or teardowns - above):
            found.append(setup)
    return found


def find_scope(task: Any) -> set[str]:
    """For a teardown: the tasks between its setups and it. They must be over."""
    if not task.is_teardown:
        return set()
    above = task.get_flat_relative_ids(upstream=True)
    setups = [up for up in task.upstream_list if up.is_setup]
    return {name for setup in setups for name in setup.get_flat_relative_ids() & above}


def find_deciding_leaves(dag: Any) -> list[Any]:
    """The tasks whose ends decide the run's: leaves, where teardowns count only when they say so."""

    def is_ignored(task: Any) -> bool:
        return task.is_teardown and not task.on_failure_fail_dagrun

    return [
        task
        for task in dag.tasks
        if not is_ignored(task) and all(is_ignored(low) for low in task.downstream_list)
    ]
