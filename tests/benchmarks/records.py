"""What the task bodies wrote, and what follows from it: the correctness gate and the figures."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Span:
    """One execution of one task's body. `end` is None when the body never got to its last line."""

    task: str
    attempt: int
    pid: int
    start: int
    end: int | None


def read(path: Path) -> list[Span]:
    """The spans in a record file, in order of start; an absent file is an empty one."""
    return parse(path.read_text().splitlines()) if path.exists() else []


def parse(lines: Iterable[str]) -> list[Span]:
    """Pair each start with the end of the same task, attempt and process."""
    starts: dict[tuple[str, int, int], int] = {}
    ends: dict[tuple[str, int, int], int] = {}
    for line in lines:
        event, task, attempt, pid, at = line.split()
        (starts if event == "S" else ends)[task, int(attempt), int(pid)] = int(at)
    spans = [Span(*key, start, ends.get(key)) for key, start in starts.items()]
    return sorted(spans, key=lambda span: span.start)


def violations(spans: Sequence[Span], upstream: Mapping[str, Sequence[str]]) -> list[str]:
    """Why a run is void: a task not run exactly once, an unknown one, an unfinished one, or one too early."""
    found: list[str] = []
    ended: dict[str, int] = {}
    seen: dict[str, int] = {}
    for span in spans:
        seen[span.task] = seen.get(span.task, 0) + 1
        if span.end is None:
            found.append(f"{span.task} (attempt {span.attempt}) began and did not end")
        else:
            ended[span.task] = max(span.end, ended.get(span.task, 0))
    found += [f"{task} ran {seen.get(task, 0)} times" for task in upstream if seen.get(task, 0) != 1]
    found += [f"{task} is not a task of this shape" for task in seen if task not in upstream]
    for span in spans:
        late = [
            parent for parent in upstream.get(span.task, ()) if ended.get(parent, span.start) > span.start
        ]
        found += [f"{span.task} started before {parent} had ended" for parent in late]
    return found


def figures(spans: Sequence[Span], upstream: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Wall time, tasks per second, time inside bodies, hops (from the last parent's end to the start)."""
    ends = {span.task: span.end for span in spans if span.end is not None}
    first, last = min(span.start for span in spans), max(ends.values())
    wall = (last - first) / NANOSECONDS
    inside = sum(span.end - span.start for span in spans if span.end is not None) / NANOSECONDS
    hops = [
        (span.start - max(ends[parent] for parent in upstream[span.task])) / 1e6
        for span in spans
        if upstream[span.task]
    ]
    result = {"wall_s": wall, "tasks_per_s": len(spans) / wall if wall else 0.0, "in_bodies_s": inside}
    if hops and _is_narrow(upstream):
        result |= {f"hop_p{p}_ms": percentile(hops, p) for p in (50, 95, 99)}
    return result


def _is_narrow(upstream: Mapping[str, Sequence[str]]) -> bool:
    """Whether no task unlocks more than two: else the gap is waiting for a slot and not a hop."""
    children = Counter(parent for parents in upstream.values() for parent in parents)
    return max(children.values(), default=0) <= 2


def in_flight(spans: Sequence[Span]) -> int:
    """The most bodies that ran at one moment."""
    events = [(span.start, 1) for span in spans] + [(span.end, -1) for span in spans if span.end is not None]
    most = now = 0
    for _, change in sorted(events):
        now += change
        most = max(most, now)
    return most


def percentile(values: Sequence[float], p: float) -> float:
    """The p-th percentile, interpolated; of one value, that value."""
    ordered = sorted(values)
    position = (len(ordered) - 1) * p / 100
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most: how a figure of several runs is told."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "n": len(values)}
