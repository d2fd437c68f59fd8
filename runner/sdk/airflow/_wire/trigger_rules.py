"""May a task start, given how its upstreams stand? One function per rule, over counts alone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from airflow._wire.states import TaskInstanceState


class Outcome(StrEnum):
    """What a rule says about a task that has not started."""

    RUN = "run"
    WAIT = "wait"
    SKIP = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    REMOVED = "removed"


@dataclass(slots=True)
class Counts:
    """How many upstreams ended in which way. Mutable: the frontier keeps one per task and adjusts it."""

    success: int = 0
    failed: int = 0
    skipped: int = 0
    upstream_failed: int = 0
    removed: int = 0
    setups: int = 0
    """Of the upstreams, how many are setups (whatever their state); the next two are among the counts above."""
    setups_success: int = 0
    setups_skipped: int = 0

    @property
    def done(self) -> int:
        return self.success + self.failed + self.skipped + self.upstream_failed + self.removed

    def copy(self) -> Counts:
        return replace(self)

    def add_all(self, other: Counts) -> None:
        """Count in what another has counted."""
        for name in _FIELDS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def sign(self, total: int) -> tuple[bool, ...]:
        """What of the counts rules can see, short of the numbers: while it stays, no rule changes its mind.

        Not so when some are removed: then the numbers matter.
        """
        kinds = (self.success, self.failed, self.skipped, self.upstream_failed, self.removed)
        return (*map(bool, kinds), self.done >= total)

    def add(self, state: TaskInstanceState | None, amount: int, is_setup: bool = False) -> None:
        """Count an upstream in (`amount` 1) or out (-1) of a state; unfinished states do not count."""
        name = _COUNTED.get(state)
        if name is None:
            return
        setattr(self, name, getattr(self, name) + amount)
        if is_setup and name in ("success", "skipped"):
            setattr(self, f"setups_{name}", getattr(self, f"setups_{name}") + amount)


_FIELDS = tuple(Counts.__dataclass_fields__)
_COUNTED: dict[TaskInstanceState | None, str] = {
    TaskInstanceState.SUCCESS: "success",
    TaskInstanceState.FAILED: "failed",
    TaskInstanceState.SKIPPED: "skipped",
    TaskInstanceState.UPSTREAM_FAILED: "upstream_failed",
    TaskInstanceState.REMOVED: "removed",
}


EAGER = frozenset({"one_success", "one_failed", "one_done", "none_failed_min_one_success"})
"""Rules that some of the upstreams can satisfy."""


def evaluate(
    rule: str, counts: Counts, total: int, setups: Outcome = Outcome.RUN, map_index: int = -1
) -> Outcome:
    """What `rule` says of a task that has upstreams. Raises ValueError for a rule that does not exist.

    `total`: how many instances of its upstreams it has to do with. `setups`: what `judge_setups` says of the setups
    that the task depends on indirectly. `map_index`: which instance asks.
    """
    try:
        decide = RULES[rule]
    except KeyError:
        raise ValueError(
            f"cannot evaluate trigger rule {rule!r}; there are {', '.join(sorted(RULES))}"
        ) from None
    if setups in (Outcome.SKIP, Outcome.UPSTREAM_FAILED, Outcome.REMOVED) and decide is not _always:
        return setups
    found = decide(counts, total)
    if counts.removed and decide is _all_success and found in (Outcome.RUN, Outcome.WAIT):
        found = Outcome.REMOVED if is_surplus(counts.removed, counts.success, map_index) else found
    waits = found == Outcome.RUN and setups == Outcome.WAIT and decide is not _always
    return Outcome.WAIT if waits else found


def is_surplus(removed: int, success: int, map_index: int) -> bool:
    """Has an instance lost its counterpart? Upstreams became fewer, and its index is beyond those that are left."""
    return bool(removed and success) and map_index >= success


def judge_setups(states: Collection[TaskInstanceState | None], map_index: int = -1) -> Outcome:
    """What the setups that a task depends on indirectly say: RUN lets the rule decide, WAIT lets it only refuse."""
    if any(s in (TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED) for s in states):
        return Outcome.UPSTREAM_FAILED
    if any(s == TaskInstanceState.SKIPPED for s in states):
        return Outcome.SKIP
    success = sum(s == TaskInstanceState.SUCCESS for s in states)
    removed = sum(s == TaskInstanceState.REMOVED for s in states)
    if is_surplus(removed, success, map_index):
        return Outcome.REMOVED
    missing = len(states) - success - (removed if map_index >= 0 else 0)
    return Outcome.WAIT if missing else Outcome.RUN


def _all_success(c: Counts, total: int) -> Outcome:
    if c.failed or c.upstream_failed:
        return Outcome.UPSTREAM_FAILED
    if c.skipped:
        return Outcome.SKIP
    return _when(c.success + c.removed == total)


def _all_failed(c: Counts, total: int) -> Outcome:
    if c.success or c.skipped:
        return Outcome.SKIP
    return _when(c.failed + c.upstream_failed + c.removed == total)


def _all_done(c: Counts, total: int) -> Outcome:
    return _when(c.done == total)


def _all_done_min_one_success(c: Counts, total: int) -> Outcome:
    if c.skipped:
        return Outcome.SKIP
    if c.done < total:
        return Outcome.WAIT
    return Outcome.RUN if c.success else Outcome.UPSTREAM_FAILED


def _one_success(c: Counts, total: int) -> Outcome:
    if c.success:
        return Outcome.RUN
    if c.done < total:
        return Outcome.WAIT
    return Outcome.SKIP if c.skipped == total else Outcome.UPSTREAM_FAILED


def _one_failed(c: Counts, total: int) -> Outcome:
    if c.failed or c.upstream_failed:
        return Outcome.RUN
    return Outcome.SKIP if c.done == total else Outcome.WAIT


def _one_done(c: Counts, total: int) -> Outcome:
    if c.success or c.failed:
        return Outcome.RUN
    return Outcome.SKIP if c.done == total else Outcome.WAIT


def _none_failed(c: Counts, total: int) -> Outcome:
    if c.failed or c.upstream_failed:
        return Outcome.UPSTREAM_FAILED
    return _when(c.success + c.skipped + c.removed == total)


def _none_failed_min_one_success(c: Counts, total: int) -> Outcome:
    if c.failed or c.upstream_failed:
        return Outcome.UPSTREAM_FAILED
    if c.skipped == total:
        return Outcome.SKIP
    if c.done < total:
        return Outcome.WAIT
    return Outcome.RUN if c.success else Outcome.UPSTREAM_FAILED


def _none_skipped(c: Counts, total: int) -> Outcome:
    return Outcome.SKIP if c.skipped else _when(c.done == total)


def _all_skipped(c: Counts, total: int) -> Outcome:
    if c.success or c.failed or c.upstream_failed:
        return Outcome.SKIP
    return _when(c.skipped == total)


def _always(_c: Counts, _total: int) -> Outcome:
    return Outcome.RUN


def _all_done_setup_success(c: Counts, total: int) -> Outcome:
    """A teardown's rule: everything is over and a setup has something to tear down."""
    if c.done < total:
        return Outcome.WAIT
    if not c.setups or c.setups_success:
        return Outcome.RUN
    return Outcome.SKIP if c.setups_skipped == c.setups else Outcome.UPSTREAM_FAILED


def _when(met: bool) -> Outcome:
    return Outcome.RUN if met else Outcome.WAIT


RULES: dict[str, Callable[[Counts, int], Outcome]] = {
    "all_success": _all_success,
    "all_failed": _all_failed,
    "all_done": _all_done,
    "all_done_min_one_success": _all_done_min_one_success,
    "one_success": _one_success,
    "one_failed": _one_failed,
    "one_done": _one_done,
    "none_failed": _none_failed,
    "none_failed_min_one_success": _none_failed_min_one_success,
    "none_skipped": _none_skipped,
    "all_skipped": _all_skipped,
    "always": _always,
    "all_done_setup_success": _all_done_setup_success,
}
