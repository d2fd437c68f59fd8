"""Run one shape on one side: trigger, wait for the last body, check, count. The clock is the bodies' own."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks import machine, records
from tests.benchmarks.shapes import Shape
from tests.benchmarks.side import Side, run_state, task_states, trigger, wait_for


@dataclass(slots=True)
class Row:
    """One run of one shape on one side. `void` says why the figures do not count."""

    benchmark: str
    side: str
    isolation: str
    durability: str
    cold: bool = False
    figures: dict[str, float] = field(default_factory=dict)
    void: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def run_shape(side: Side, shape: Shape, directory: Path, *, cold: bool = False, patience: float = 60) -> Row:
    """One run. In a cold one, the first of its file, memory is sampled; others wait for an idle machine."""
    row = Row(shape.name, side.name, side.isolation, side.durability, cold)
    path = directory / f"{side.name}-{shape.dag_id}-{time.time_ns()}.records"
    if cold:
        with machine.PeakMemory() as memory:
            _run(side, shape, path, row)
        row.figures["peak_pss_mib"] = memory.mib
    else:
        idle = machine.wait_until_idle(deadline=patience)
        row.figures["idle_before"] = idle
        _run(side, shape, path, row)
    return row


def _run(side: Side, shape: Shape, path: Path, row: Row) -> None:
    cpu = machine.cpu_seconds()
    asked = time.time_ns()
    run_id = trigger(side, shape.dag_id, {"records": str(path)})
    enough = 2 * len(shape.upstream)
    try:
        wait_for("the last task's end", lambda: _lines(path) >= enough or None, shape.deadline)
        wait_for("the run's final state", lambda: run_state(side, shape.dag_id, run_id), 120.0)
    except TimeoutError as late:
        row.void.append(str(late))
    over = time.time_ns()
    row.figures["cpu_s"] = machine.cpu_seconds() - cpu
    check(side, shape, run_id, records.read(path), row)
    spans = records.read(path)
    if not row.void:
        row.figures |= records.figures(spans, shape.upstream)
        row.figures["trigger_to_start_s"] = (spans[0].start - asked) / records.NANOSECONDS
        row.figures["trigger_to_success_s"] = (over - asked) / records.NANOSECONDS
        row.figures["in_flight"] = records.in_flight(spans)
        row.figures["cpu_s_per_1000"] = 1000 * row.figures["cpu_s"] / len(shape.upstream)


def check(side: Side, shape: Shape, run_id: str, spans: list[records.Span], row: Row) -> None:
    """The correctness gate: bodies once and in order, run and task instances all successful."""
    row.void += records.violations(spans, shape.upstream)[:10]
    state = run_state(side, shape.dag_id, run_id)
    states = task_states(side, shape.dag_id, run_id)
    if state != "success" or states != {"success": len(shape.upstream)}:
        row.void.append(f"the run is {state}, its tasks are {states}")


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
