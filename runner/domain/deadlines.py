"""By when a run, or a task of it, must have ended. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.domain.spec import DagSpec


class BadDeadline(ValueError):
    """A deadline of the DAG has no interval, for its Variable is not there or is no number."""


@dataclass(frozen=True, slots=True)
class Due:
    """A promise about one run. `task_id` is empty for the run itself, else that of the task with an SLA."""

    at: float
    name: str
    task_id: str = ""
    number: int = -1
    """Place among the DAG's deadlines; -1 for an SLA."""


@dataclass(frozen=True, slots=True)
class NewRunFacts:
    """What the promises of a new run are counted from."""

    logical_date: float | None
    interval_end: float | None
    queued_at: float
    is_scheduled: bool


def plan_deadlines(spec: DagSpec, run: NewRunFacts, recent: Callable[[int], Sequence[float]]) -> list[Due]:
    """The promises of a new run. `recent(n)`: how many seconds each of the last n good runs took.

    Raises BadDeadline when it cannot be said by when: then there is to be no run.
    """
    found = []
    for item in spec.deadlines:
        if item["interval"] is None:
            raise BadDeadline(str(item["fault"]))
        start = _find_reference(item["reference"], run, recent)
        if start is not None:
            found.append(Due(start + float(item["interval"]), item["name"], number=item["number"]))
    if run.is_scheduled and run.interval_end is not None:
        end = run.interval_end
        found += [Due(end + task.sla, "sla", task.task_id) for task in spec.tasks if task.sla is not None]
    return found


def list_asked(spec: DagSpec) -> list[Mapping[str, Any]]:
    """The deadlines whose reference is the user's own: it is asked when there is a run."""
    return [item for item in spec.deadlines if item["reference"]["kind"] == "own"]


def is_missed(at: float, ended: float | None) -> bool:
    """Was a promise broken that fell due at `at`, for what ended then or has not ended yet?"""
    return ended is None or ended > at


def _find_reference(
    reference: Mapping[str, Any], run: NewRunFacts, recent: Callable[[int], Sequence[float]]
) -> float | None:
    match reference["kind"]:
        case "logical_date":
            return run.logical_date
        case "queued_at":
            return run.queued_at
        case "fixed":
            return float(reference["at"])
        case "average_runtime":
            seconds = recent(reference["max_runs"])
            enough = len(seconds) >= reference["min_runs"]
            return run.queued_at + sum(seconds) / len(seconds) if enough else None
    return None
