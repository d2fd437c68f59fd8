"""May an instance start, given how all that is before it ended? The engine's rules for a run that goes one by one.

Everything before an instance is over when it is asked about, so there is nothing to wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

RUN, SKIP, UPSTREAM_FAILED = "run", "skipped", "upstream_failed"
EAGER = frozenset({"one_success", "one_failed", "one_done", "none_failed_min_one_success"})
"""Rules that some of the upstreams can satisfy."""
BAD = ("failed", "upstream_failed")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many upstreams ended in which way."""

    total: int
    success: int
    failed: int
    skipped: int
    upstream_failed: int
    setups: int
    setups_success: int
    setups_skipped: int

    @property
    def bad(self) -> int:
        return self.failed + self.upstream_failed


Ended = tuple[str, bool]
"""How an upstream ended, and whether it is a setup."""


def judge(rule: str, upstreams: Sequence[Ended], setups: Sequence[str] = ()) -> str:
    """RUN, or the state that the instance gets instead. `setups`: the ends of those it depends on indirectly."""
    if rule == "always":
        return RUN
    if any(state in BAD for state in setups):
        return UPSTREAM_FAILED
    if "skipped" in setups:
        return SKIP
    return RULES[rule](count(upstreams)) if upstreams else RUN


def count(upstreams: Sequence[Ended]) -> Counts:
    """The counts of these ends."""
    states = [state for state, _ in upstreams]
    setups = [state for state, is_setup in upstreams if is_setup]
    return Counts(
        total=len(states),
        success=states.count("success"),
        failed=states.count("failed"),
        skipped=states.count("skipped"),
        upstream_failed=states.count("upstream_failed"),
        setups=len(setups),
        setups_success=setups.count("success"),
        setups_skipped=setups.count("skipped"),
    )


def _first(*cases: tuple[Any, str]) -> str:
    """The verdict of the first case that holds; RUN when none does."""
    return next((verdict for holds, verdict in cases if holds), RUN)


RULES: dict[str, Callable[[Counts], str]] = {
    "all_success": lambda c: _first((c.bad, UPSTREAM_FAILED), (c.skipped, SKIP)),
    "all_failed": lambda c: _first((c.success or c.skipped, SKIP)),
    "all_done": lambda c: RUN,
    "all_done_min_one_success": lambda c: _first((c.skipped, SKIP), (not c.success, UPSTREAM_FAILED)),
    "one_success": lambda c: _first((c.success, RUN), (c.skipped == c.total, SKIP), (True, UPSTREAM_FAILED)),
    "one_failed": lambda c: _first((not c.bad, SKIP)),
    "one_done": lambda c: _first((not (c.success or c.failed), SKIP)),
    "none_failed": lambda c: _first((c.bad, UPSTREAM_FAILED)),
    "none_failed_min_one_success": lambda c: _first(
        (c.bad, UPSTREAM_FAILED), (c.skipped == c.total, SKIP), (not c.success, UPSTREAM_FAILED)
    ),
    "none_skipped": lambda c: _first((c.skipped, SKIP)),
    "all_skipped": lambda c: _first((c.success or c.bad, SKIP)),
    "all_done_setup_success": lambda c: _first(
        (not c.setups or c.setups_success, RUN), (c.setups_skipped == c.setups, SKIP), (True, UPSTREAM_FAILED)
    ),
}


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
