"""What deferred tasks wait for, as the engine keeps it and as agents and children are told.

A deferral's token is the attempt that deferred: an event with another token is stale and changes nothing. The row
lives until the resumed attempt ends or defers again, so that the same attempt can be handed over twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow._wire.frames import Message
from airflow._wire.workload import log_key

from runner.scheduler.frontier import Frontier
from runner.scheduler.instances import Task
from runner.store.secrets import SecretBox
from runner.store.triggers import Deferral

INCOMPLETE = "cannot defer: the task did not say what to wait for"
NO_KEY = "cannot defer: this engine has no key to keep a trigger's arguments with"


def find_fault(frontier: Frontier, outcome: Mapping[str, Any]) -> str | None:
    """Why an outcome is no deferral that can be kept; None when it is."""
    wanted = (outcome.get("details") or {}).get("deferral")
    if not isinstance(wanted, dict) or not isinstance(wanted.get("classpath"), str):
        return INCOMPLETE
    return NO_KEY if frontier.box is None else None


def begin(frontier: Frontier, task: Task, wanted: Mapping[str, Any], now: float) -> None:
    """Let a deferred task wait for a trigger. `wanted`: a deferral as in `messages.outcome`."""
    box, timeout = get_box(frontier), wanted.get("timeout")
    task.next_at = None if timeout is None else now + float(timeout)
    deferral = Deferral(
        token=task.attempt or "",
        classpath=wanted["classpath"],
        kwargs=box.seal(json.dumps(wanted.get("kwargs") or {})),
        next_method=wanted.get("next_method") or "",
        next_kwargs=box.seal(json.dumps(wanted.get("next_kwargs") or {})),
        timeout_at=task.next_at,
        created_at=now,
    )
    frontier.changes.deferrals[task.id] = deferral
    if frontier.waiting.put(task, deferral):
        frontier.changes.waits.append(task)


def make_resume(frontier: Frontier, task: Task) -> Message | None:
    """`extra.resume` of a task's workload (see `_wire.workload`); None when it does not come from a deferral."""
    deferral = task.deferral
    if deferral is None:
        return None
    if deferral.error is not None:
        return dict(json.loads(deferral.error))
    box = get_box(frontier)
    return {
        "next_method": deferral.next_method,
        "next_kwargs": json.loads(box.open(deferral.next_kwargs)),
        "event": json.loads(box.open(deferral.event)) if deferral.event is not None else None,
    }


def describe_trigger(frontier: Frontier, task: Task) -> Message:
    """What an agent must know to run the trigger of a deferred task (see `messages.triggers`)."""
    deferral, run = task.deferral, task.run
    assert deferral is not None  # noqa: S101 - it is waiting
    names = (run.row.dag_id, run.row.run_id, task.spec.task_id, task.map_index, task.try_number)
    return {
        "id": deferral.token,
        "bundle": run.row.bundle,
        "file": run.plan.spec.file,
        "classpath": deferral.classpath,
        "kwargs": json.loads(get_box(frontier).open(deferral.kwargs)),
        "about": f"{run.row.dag_id}.{task.spec.task_id}",
        "log_key": log_key(*names),
        "task": dict(zip(("dag_id", "run_id", "task_id", "map_index", "try_number"), names, strict=True)),
    }


def get_box(frontier: Frontier) -> SecretBox:
    """The keys that deferrals are sealed with; nothing gets to wait without them."""
    if frontier.box is None:
        raise LookupError(NO_KEY)
    return frontier.box
