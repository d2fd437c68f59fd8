"""Whose memory is too much: which attempt has to end so that the others, and the cell, live. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_SCARCE = 0.03
"""Of all the memory there is: when less is left, the kernel will soon end something, and it may choose the agent."""
_NOTABLE = 64 << 20
"""An attempt that has less is not why memory is scarce."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Bytes: of one attempt, and of all together. 0: no limit."""

    each: int = 0
    all: int = 0


@dataclass(frozen=True, slots=True)
class Excess:
    """An attempt to end, and the reason for its log."""

    attempt: str
    reason: str


def allow(worker_memory: int, tasks_per_worker: int, fewest: int, running: int) -> Allowance:
    """What as many workers have as so many attempts stand on; one task never has more than one worker."""
    workers = max(fewest, -(-running // tasks_per_worker)) if tasks_per_worker else 1
    return Allowance(worker_memory, worker_memory * workers)


def find_excess(
    usage: Mapping[str, int], allowance: Allowance, free: tuple[int, int] | None = None
) -> Excess | None:
    """The largest attempt, when it or all together have too much, or when the machine has nothing left."""
    if not usage:
        return None
    largest, used = max(usage.items(), key=lambda item: item[1])
    total = sum(usage.values())
    if allowance.each and used > allowance.each:
        most = f"one task may use {show(allowance.each)} in an environment of this class"
        return Excess(largest, f"out of memory: it used {show(used)}; {most}; {_FIX}")
    if allowance.all and total > allowance.all:
        most = f"all tasks together used {show(total)} of the {show(allowance.all)} that their workers have"
        return Excess(largest, f"out of memory: {most}, and it had the most, {show(used)}; {_FIX}")
    if free is not None and free[0] < free[1] * _SCARCE and used > _NOTABLE:
        most = f"only {show(max(0, free[0]))} of {show(free[1])} were left where it ran"
        return Excess(largest, f"out of memory: {most}, and it had the most, {show(used)}")
    return None


_FIX = "have it use less, or choose a larger EnvironmentClass"


def is_near(usage: Mapping[str, int], allowance: Allowance) -> bool:
    """Whether it is worth to look again soon."""
    largest, total = max(usage.values(), default=0), sum(usage.values())
    return bool(
        (allowance.each and 2 * largest > allowance.each) or (allowance.all and 2 * total > allowance.all)
    )


def show(size: int) -> str:
    """1.5 GiB."""
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 30 else f"{size / (1 << 20):.0f} MiB"
