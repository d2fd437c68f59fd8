"""What follows from what happened: an attempt's end, and whether a task may start. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.domain.retry import retry_delay
from runner.domain.spec import TaskSpec
from runner.domain.states import TRANSITIONS, TaskInstanceState
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
        until = outcome.get("until")  # its retry policy's word counts more than the task's own delay
        due = outcome["ended_at"] + retry_delay(task, try_number, seed) if until is None else until
        return Ending(_S.UP_FOR_RETRY, reason, float(due))
    return Ending(_S.FAILED, reason)


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand for a task that has not started, in its own run."""

    counts: Counts
    """Of the instances of its direct upstreams that it has to do with."""
    total: int
    """How many of those there are."""
    setups: Sequence[TaskInstanceState | None] = ()
    """Of setups that it depends on indirectly."""
    is_scope_over: Callable[[], bool] = lambda: True
    """Of a teardown: is everything between its setups and it over? Asked last, for it may be much."""
    map_index: int = -1


def judge_start(task: TaskSpec, standing: Standing) -> Outcome:
    """May a task that has not started start, as far as its own run goes?"""
    if not task.upstream:
        return Outcome.RUN
    setups = judge_setups(standing.setups, standing.map_index)
    outcome = evaluate(task.trigger_rule, standing.counts, standing.total, setups, standing.map_index)
    if outcome is Outcome.RUN and task.trigger_rule != "always" and not standing.is_scope_over():
        return Outcome.WAIT
    return outcome


def is_legal(source: TaskInstanceState | None, target: TaskInstanceState | None) -> bool:
    """Is there such a step in the state machine?"""
    return target in TRANSITIONS[source]
