"""kill -9 in the middle of work, and what the bodies' own records say about it afterwards."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tests.benchmarks import records, shapes
from tests.benchmarks.measure import Row, check
from tests.benchmarks.ours import Aerodrome
from tests.benchmarks.setup import Setup
from tests.benchmarks.side import must, publish, run_state, task_states, trigger, wait_for


def engine(side: Aerodrome, setup: Setup) -> Iterator[Row]:
    """The engine dies in the middle of a fan-out: every task once, work goes on within seconds."""
    shape = shapes.fan(setup.choose(1000, 200))
    publish(side, shape)
    for turn in range(setup.choose(20, 2)):
        yield _killed(side, shape, setup.scratch / f"{turn}.records", "engine")


def control_plane(side: Aerodrome, setup: Setup) -> Iterator[Row]:
    """The control plane dies: cells do not notice, and the next control plane finds them."""
    shape = shapes.fan(setup.choose(1000, 200))
    publish(side, shape)
    for turn in range(setup.choose(3, 1)):
        cell = side.service.pids("engine", "agent")
        row = _killed(side, shape, setup.scratch / f"{turn}.records", "control-plane")
        if side.service.pids("engine", "agent") != cell:
            row.void.append("the cell's processes are not the ones of before")
        yield row


def agent(side: Aerodrome, setup: Setup) -> Iterator[Row]:
    """The agent dies: its tasks end with it, are tried again, never two at once, and the log says why."""
    count = setup.choose(20, 5)
    shape = shapes.sleepers(count, 5, retries=1)
    publish(side, shape)
    path = setup.scratch / "agent.records"
    row = Row("crash-agent", side.name, side.isolation, side.durability)
    run_id = trigger(side, shape.dag_id, {"records": str(path)})
    wait_for("all sleepers asleep", lambda: len(records.read(path)) == count, 60.0)
    pids = [span.pid for span in records.read(path)]
    for pid in side.service.pids("agent"):
        os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    wait_for("the tasks' end with their agent", lambda: not any(map(_is_alive, pids)), 30.0)
    row.figures["orphans_gone_s"] = time.monotonic() - killed
    wait_for("the second attempts", lambda: len(records.read(path)) > count, 120.0)
    row.figures["retried_s"] = time.monotonic() - killed
    wait_for("the run's end", lambda: run_state(side, shape.dag_id, run_id), 180.0)
    spans = records.read(path)
    row.void += overlaps(spans)
    second = [span for span in spans if span.attempt == 2 and span.end is not None]
    if len(second) != count or task_states(side, shape.dag_id, run_id) != {"success": count}:
        row.void.append(f"{len(second)} of {count} ended in a second attempt")
    log = f"/dags/{shape.dag_id}/dagRuns/{run_id}/taskInstances/t0000/logs/1?full_content=true"
    text = str(must(side, "GET", log))
    if "agent" not in text and "worker" not in text:
        row.void.append(f"the first attempt's log does not say why it ended: ...{text[-300:]}")
    yield row


def overlaps(spans: list[records.Span]) -> list[str]:
    """Attempts of one task that ran at once. One without an end is taken to end at its start."""
    ends: dict[str, int] = {}
    found = []
    for span in spans:
        if span.start < ends.get(span.task, 0):
            found.append(f"{span.task}: attempt {span.attempt} began while another ran")
        ends[span.task] = max(ends.get(span.task, 0), span.end or span.start)
    return found


def _killed(side: Aerodrome, shape: shapes.Shape, path: Path, role: str) -> Row:
    """One run with a kill in its middle; the figure is the longest pause between two starts after it."""
    row = Row(f"crash-{role}", side.name, side.isolation, side.durability)
    [victim] = wait_for(f"one {role}", lambda: side.service.pids(role) or None, 30.0)
    total = len(shape.upstream)
    moment = random.randint(total // 10, total * 7 // 10)
    run_id = trigger(side, shape.dag_id, {"records": str(path)})
    wait_for("the middle of the run", lambda: len(records.read(path)) >= moment, 120.0, every=0.005)
    at = time.time_ns()
    os.kill(victim, signal.SIGKILL)
    if role == "control-plane":
        side.service.restart()
    try:
        wait_for("the last body", lambda: sum(s.end is not None for s in records.read(path)) >= total, 120.0)
        wait_for("the run's end", lambda: _final(side, shape.dag_id, run_id), 60.0)
    except TimeoutError as late:
        row.void.append(str(late))
    spans = records.read(path)
    check(side, shape, run_id, spans, row)
    row.void += overlaps(spans)
    starts = [at, *(span.start for span in spans if span.start > at)]
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    row.figures["started_before_kill"] = len(spans) + 1 - len(starts)
    if not pauses:
        row.void.append("the kill came after the last start: nothing was tested")
    row.figures["longest_pause_s"] = max(pauses, default=0) / records.NANOSECONDS
    return row


def _final(side: Aerodrome, dag_id: str, run_id: str) -> str | None:
    """The run's final state; None too while the engine that would tell is being replaced."""
    status, _ = side.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
    return run_state(side, dag_id, run_id) if status == 200 else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"
