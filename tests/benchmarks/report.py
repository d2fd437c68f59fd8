"""Raw rows as JSON, and tables a person can read: medians, least and most, ratios."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.benchmarks import machine
from tests.benchmarks.measure import Row
from tests.benchmarks.records import spread

ONLY_RAW = {"in_bodies_s", "in_flight", "idle_before", "program_s", "hop_p95_ms"}


def write(directory: Path, name: str, rows: Sequence[Row]) -> Path:
    """The rows with the machine's facts, written anew after each step: what is measured is kept."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.json"
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    document = {"written": at, "machine": machine.facts(), "rows": [row.as_json() for row in rows]}
    path.write_text(json.dumps(document, indent=1))
    return path


def tell(row: Row) -> Row:
    """Say on stderr what was just measured."""
    told = "; ".join(row.void) if row.void else _brief(row)
    label = f"{row.benchmark} on {row.side}{' (cold)' if row.cold else ''}"
    print(f"  {label:<58} {'VOID ' if row.void else ''}{told}", file=sys.stderr, flush=True)
    return row


def table(rows: Iterable[Row]) -> str:
    """Every figure of the warm rows that count: median (min-max), n, and the isolation class."""
    lines = [f"{'benchmark':<22}{'side':<34}{'class':<7}{'figure':<24}{'median':>12}   min - max (n)"]
    for (benchmark, side, isolation), group in grouped(rows).items():
        for figure, values in group.items():
            if figure in ONLY_RAW:
                continue
            s = spread(values)
            span = f"{s['min']:.4g} - {s['max']:.4g} ({s['n']})"
            lines.append(f"{benchmark:<22}{side:<34}{isolation:<7}{figure:<24}{s['median']:>12.4g}   {span}")
    void = sum(bool(row.void) for row in rows)
    return "\n".join([*lines, f"{void} void rows" if void else "no void rows"])


def ratios(rows: Iterable[Row], ours: str) -> str:
    """How many times longer each other side took, by the medians of the wall time."""
    walls = {
        (key[0], key[1]): spread(group["wall_s"])["median"]
        for key, group in grouped(rows).items()
        if "wall_s" in group
    }
    lines = [
        f"{benchmark:<22}{side} takes {wall / walls[benchmark, ours]:.1f} times as long"
        for (benchmark, side), wall in walls.items()
        if side != ours and (benchmark, ours) in walls
    ]
    return "\n".join(lines)


def grouped(rows: Iterable[Row]) -> dict[tuple[str, str, str], dict[str, list[float]]]:
    """(benchmark, side, isolation) -> figure -> values. Cold rows: memory, wall time; void rows: nothing."""
    groups: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for row in rows:
        if not row.void:
            group = groups.setdefault((row.benchmark, row.side, row.isolation), {})
            for figure, value in row.figures.items():
                if not row.cold or figure.startswith("peak_"):
                    group.setdefault(figure, []).append(value)
                elif figure == "wall_s":
                    group.setdefault("cold_wall_s", []).append(value)
    return groups


def _brief(row: Row) -> str:
    return "  ".join(f"{name}={value:.4g}" for name, value in row.figures.items())
