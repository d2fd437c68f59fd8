"""The suite: every benchmark by name, each on a fresh service with a fresh environment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks import crash, object_store_extent, object_stores, operations, ours, shapes, sleeping
from tests.benchmarks.measure import Row, run_shape
from tests.benchmarks.ours import Aerodrome
from tests.benchmarks.setup import Setup
from tests.benchmarks.side import publish

PEERS = Path(__file__).with_name("peers")


Benchmark = Callable[[Setup], Iterator[Row]]


def of_shape(make: Callable[[Setup], shapes.Shape], setup: Setup) -> Iterator[Row]:
    """One shape: a cold run, in which memory is sampled, and the measured ones."""
    shape = make(setup)
    with ours.environment(setup.scratch / "home") as side:
        publish(side, shape)
        yield run_shape(side, shape, setup.scratch, cold=True)
        for _ in range(setup.runs):
            yield run_shape(side, shape, setup.scratch, patience=setup.patience)


def wm_long(setup: Setup) -> Iterator[Row]:
    """Ten times fib(33), beside the same work as a bare loop of the same interpreter."""
    length, number = setup.choose(10, 4), setup.choose(33, 24)
    shape = shapes.fibonacci("wm-long", length, number)
    with ours.environment(setup.scratch / "home") as side:
        publish(side, shape)
        yield run_shape(side, shape, setup.scratch, cold=True)
        for _ in range(setup.runs):
            before = bare_loop(length, number)
            row = run_shape(side, shape, setup.scratch, patience=setup.patience)
            row.figures["bare_loop_s"] = (before + bare_loop(length, number)) / 2
            if not row.void:
                row.figures["overhead_percent"] = 100 * (
                    row.figures["wall_s"] / row.figures["bare_loop_s"] - 1
                )
            yield row


def bare_loop(length: int, number: int) -> float:
    """Seconds that the same interpreter needs for the work alone."""
    program = "import time; from bodies import fibonacci; a = time.perf_counter()\n"
    program += f"for _ in range({length}): fibonacci({number})\nprint(time.perf_counter() - a)"
    answer = subprocess.run([sys.executable, "-c", program], cwd=PEERS, capture_output=True, check=True)
    return float(answer.stdout)


def on_side(run: Callable[[Aerodrome, Setup], Iterator[Row]], setup: Setup) -> Iterator[Row]:
    """A benchmark that needs a service with one environment."""
    with ours.environment(setup.scratch / "home") as side:
        yield from run(side, setup)


SUITE: dict[str, Benchmark] = {
    "wm-light": partial(of_shape, lambda setup: shapes.fibonacci("wm-light", 40, 10)),
    "wm-long": wm_long,
    "chain-100": partial(of_shape, lambda setup: shapes.chain(setup.choose(100, 20))),
    "fan-1000": partial(of_shape, lambda setup: shapes.fan(setup.choose(1000, 100))),
    "diamond-10x100": partial(of_shape, lambda setup: shapes.diamond(10, setup.choose(100, 10))),
    "sleep-200": partial(on_side, partial(sleeping.run, count=200)),
    "sleep-1000": partial(on_side, partial(sleeping.run, count=1000)),
    "s3-visible": partial(on_side, operations.s3_visible),
    "s3-peers": object_stores.run,
    "s3-pages": object_store_extent.pages,
    "env-create": partial(on_side, operations.env_create),
    "dagbag-1000": partial(on_side, operations.dagbag),
    "idle": partial(on_side, operations.idle),
    "crash-engine": partial(on_side, crash.engine),
    "crash-agent": partial(on_side, crash.agent),
    "crash-control-plane": partial(on_side, crash.control_plane),
}

ON_REQUEST: dict[str, Benchmark] = {"s3-5gib": object_store_extent.large}
"""Run only when named: they need much time or disk."""
