"""May a task instance that has not started start, as its run and the run before it stand?"""

from __future__ import annotations

from functools import partial

from runner.domain.decide import Standing, judge_start
from runner.domain.mapping import judge_sources
from runner.domain.past import is_past_met
from runner.domain.states import TERMINAL
from runner.domain.trigger_rules import Outcome
from runner.scheduler.instances import Run, Task


def judge(task: Task) -> Outcome:
    """What is to become of a task that has no state; RUN includes that the run before does not hold it back."""
    run, position, spread = task.run, task.position, task.run.plan.spread
    near = spread.inside_up.get(position, ())
    if task.map_index >= 0 and near and not run.growing.isdisjoint(near):
        return Outcome.WAIT
    outcome = judge_start(task.spec, _describe(task))
    if position in spread.sources:
        over = (run.instances[j][0] for j in spread.sources[position] if run.instances[j])
        states = [source.state for source in over if source.map_index < 0 and source.state in TERMINAL]
        outcome = judge_sources(states, outcome)
    if outcome is Outcome.RUN or (
        outcome is Outcome.SKIP and task.spec.wait_for_past_depends_before_skipping
    ):
        return outcome if _is_past_met(task) else Outcome.WAIT
    return outcome


def _describe(task: Task) -> Standing:
    run = task.run
    counts, total = run.count_relevant(task)
    extras = run.plan.extras.get(task.position)
    if extras is None:
        return Standing(counts, total, map_index=task.map_index)
    setups = [other.state for j in extras.setups for other in run.find_relevant(task, j)]
    return Standing(counts, total, setups, partial(_is_over, run, task, extras.scope), task.map_index)


def _is_over(run: Run, task: Task, scope: tuple[int, ...]) -> bool:
    return all(other.state in TERMINAL for j in scope for other in run.find_relevant(task, j))


def _is_past_met(task: Task) -> bool:
    run = task.run
    if run.previous is None or task.position not in run.plan.needs_past:
        return True
    graph = run.plan.graph
    below = graph.downstream[task.position] if task.spec.wait_for_downstream else ()
    downstream = [run.previous.get(graph.tasks[j].task_id, 0) for j in below]
    name = task.spec.task_id
    return is_past_met(run.previous.get(name), downstream, name in run.newcomers)
