"""What follows from what happened: an attempt's end, and whether a task may start. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.domain.graph import DagGraph
from runner.domain.retry import retry_delay
from runner.domain.setups import Extras
from runner.domain.spec import TaskSpec
from runner.domain.states import TERMINAL, TRANSITIONS, TaskInstanceState
from runner.domain.trigger_rules import Counts, Outcome, evaluate, judge_setups

_S = TaskInstanceState
_REPORTABLE = {str(s): s for s in (_S.SUCCESS, _S.SKIPPED, _S.UP_FOR_RESCHEDULE, _S.DEFERRED)}


@dataclass(frozen=True, slots=True)
class Ending:
    """What an attempt's report makes of its task. `next_at`: not before."""

    state: TaskInstanceState | None
    reason: str | None = None
    next_at: float | None = None


def judge_ending(
    task: TaskSpec, try_number: int, max_tries: int, outcome: Mapping[str, Any], seed: str, restarting: bool
) -> Ending:
    """The task's state after an attempt reported `outcome` (a message as `airflow._wire.messages` makes it).

    Whatever is not a known good end is a failure. `restarting`: a user cleared the task while the attempt ran.
    """
    reason = outcome.get("reason")
    if restarting:
        return Ending(None, reason)
    state = _REPORTABLE.get(str(outcome.get("state")))
    if state is _S.UP_FOR_RESCHEDULE:
        return Ending(state, reason, float(outcome.get("until") or outcome["ended_at"]))
    if state is not None:
        return Ending(state, reason)
    if outcome.get("retry", True) and try_number < max_tries:
        return Ending(
            _S.UP_FOR_RETRY, reason, float(outcome["ended_at"]) + retry_delay(task, try_number, seed)
        )
    return Ending(_S.FAILED, reason)


def judge_start(
    graph: DagGraph,
    position: int,
    counts: Counts,
    states: Sequence[TaskInstanceState | None],
    extras: Extras | None,
) -> Outcome:
    """May a task that has not started start, as far as its own run goes?"""
    task, total = graph.tasks[position], len(graph.upstream[position])
    if extras is None:
        return evaluate(task.trigger_rule, counts, total)
    setups = judge_setups([states[i] for i in extras.setups])
    if any(states[i] not in TERMINAL for i in extras.scope):
        setups = Outcome.WAIT
    return evaluate(task.trigger_rule, counts, total, setups)


def count_upstreams(graph: DagGraph, position: int, states: Sequence[TaskInstanceState | None]) -> Counts:
    """The counts of a task's upstreams from scratch."""
    counts = Counts(setups=sum(graph.tasks[i].is_setup for i in graph.upstream[position]))
    for i in graph.upstream[position]:
        counts.add(states[i], 1, graph.tasks[i].is_setup)
    return counts


def is_legal(source: TaskInstanceState | None, target: TaskInstanceState | None) -> bool:
    """Is there such a step in the state machine?"""
    return target in TRANSITIONS[source]
