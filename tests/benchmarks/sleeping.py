"""Many tasks that only wait: what each costs while it sleeps, and whether all of them can at once."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.benchmarks import machine, records, shapes
from tests.benchmarks.measure import Row, check
from tests.benchmarks.ours import Aerodrome
from tests.benchmarks.setup import Setup
from tests.benchmarks.side import publish, run_state, trigger, wait_for


def run(side: Aerodrome, setup: Setup, count: int) -> Iterator[Row]:
    """`count` tasks that sleep at once, measured from outside while all of them do."""
    count = setup.choose(count, 20)
    seconds = setup.choose(30 if count <= 200 else 60, 5)
    shape = shapes.sleepers(count, seconds)
    publish(side, shape)
    row = Row(shape.name, side.name, side.isolation, side.durability)
    path = setup.scratch / "records"
    cpu, asked = machine.cpu_seconds(), time.monotonic()
    run_id = trigger(side, shape.dag_id, {"records": str(path)})
    try:
        wait_for("every sleeper's start", lambda: len(records.read(path)) == count, 180.0, every=0.2)
        row.figures["all_started_s"] = time.monotonic() - asked
        asleep = [span.pid for span in records.read(path) if span.end is None]
        row.figures["asleep_at_once"] = len(asleep)
        row.figures |= _memory(side, asleep)
        wait_for("the run's end", lambda: run_state(side, shape.dag_id, run_id), 180.0 + seconds, every=0.2)
    except TimeoutError as late:
        row.void.append(str(late))
    row.figures["cpu_s"] = machine.cpu_seconds() - cpu
    spans = records.read(path)
    check(side, shape, run_id, spans, row)
    if not row.void:
        row.figures |= records.figures(spans, shape.upstream)
        row.figures["in_flight"] = records.in_flight(spans)
    yield row


def _memory(side: Aerodrome, asleep: list[int]) -> dict[str, float]:
    """PSS of the tasks and of the whole service around them."""
    sizes = [pss for pid in asleep if (pss := machine.pss_mib(pid))]
    return {
        "pss_per_task_mib": sum(sizes) / max(1, len(sizes)),
        "pss_worst_task_mib": max(sizes, default=0.0),
        "pss_service_mib": sum(machine.pss_mib(pid) for pid in machine.tree()),
    }
