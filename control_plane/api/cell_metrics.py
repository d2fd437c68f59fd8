"""What the cells count, as one text: each cell's samples with an `environment` label, each metric described once.

A cell that gives no answer in time, or none that can be read, costs its own samples and nothing else; it is the 0 of
`aerodrome_environment_answers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from control_plane.operations.service import CellRequest, Cells, CellUnreachable

CELL_SECONDS = 1.0
_AT_ONCE = 16
_QUESTION = CellRequest("GET", "/metrics", "", None, "metrics", "Public")


def collect_cells(cells: Cells, environments: list[str]) -> bytes:
    """Ask every environment's cell, many at a time. Prometheus' text form; empty without environments."""
    if not environments:
        return b""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = dict(zip(environments, pool.map(partial(_ask, cells), environments), strict=True))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Merged(answers))
    return generate_latest(registry)


def merge(answers: Mapping[str, list[Metric] | None]) -> list[Metric]:
    """One family per name with the samples of all cells; None is a cell that did not answer."""
    up = GaugeMetricFamily(
        "aerodrome_environment_answers", "1 when the cell answered in time", labels=["environment"]
    )
    merged: dict[str, Metric] = {}
    for environment, families in answers.items():
        up.add_metric([environment], int(families is not None))
        for family in families or ():
            into = merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                into.add_sample(sample.name, {**sample.labels, "environment": environment}, sample.value)
    return [up, *merged.values()]


class _Merged(Collector):
    def __init__(self, answers: Mapping[str, list[Metric] | None]) -> None:
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        yield from merge(self._answers)


def _ask(cells: Cells, environment: str) -> list[Metric] | None:
    try:
        answer = cells.call(environment, _QUESTION, CELL_SECONDS)
        if answer.status != 200:
            return None
        return list(text_string_to_metric_families(answer.body.decode()))
    except (CellUnreachable, ValueError):
        return None
