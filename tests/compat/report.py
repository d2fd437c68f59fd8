"""Rates, and every difference under its cause, as text and as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.compat.compare import Difference

GOAL_PARSE, GOAL_RUN = 0.99, 0.98


@dataclass(slots=True)
class Result:
    """What came of one corpus. Without an oracle the counts of theirs stay None."""

    corpus: str
    version: str
    oracle: str | None
    files: int = 0
    parsed_by_us: int = 0
    parsed_by_them: int | None = None
    parsed_by_both: int | None = None
    same_when_parsed: int | None = None
    runs: int = 0
    runs_with_same_states: int = 0
    runs_identical: int = 0
    not_run: dict[str, str] = field(default_factory=dict)
    """File -> why its DAGs were not run."""
    incomparable: list[str] = field(default_factory=list)
    """DAGs that end in time on neither side, or cannot begin on theirs."""
    differences: list[Difference] = field(default_factory=list)

    @property
    def parse_rate(self) -> float | None:
        """Of the files that they parse, those that we do."""
        both, theirs = self.parsed_by_both, self.parsed_by_them
        return None if both is None or not theirs else both / theirs

    @property
    def run_rate(self) -> float | None:
        return self.runs_with_same_states / self.runs if self.runs else None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "parse_rate": self.parse_rate, "run_rate": self.run_rate}


def describe(results: Sequence[Result]) -> str:
    """The whole report."""
    return "\n".join(line for result in results for line in _describe(result))


def _describe(result: Result) -> Iterable[str]:
    yield f"\n{result.corpus}: {result.files} files as {result.version}, beside {result.oracle or 'nothing'}"
    yield f"  parsed by us       {result.parsed_by_us}"
    if result.parsed_by_them is not None:
        rate = _rate(result.parse_rate, GOAL_PARSE)
        yield f"  parsed by them     {result.parsed_by_them}, by both {result.parsed_by_both}: {rate}"
        yield f"  same when parsed   {result.same_when_parsed} of {result.parsed_by_both}"
    if result.runs:
        rate = _rate(result.run_rate, GOAL_RUN)
        yield f"  runs               {result.runs}, same states {result.runs_with_same_states}: {rate}"
        yield f"  identical runs     {result.runs_identical} (tries and XComs, too)"
    if result.incomparable:
        yield f"  incomparable       {', '.join(result.incomparable)}"
    if result.not_run:
        yield f"  files not run      {len(result.not_run)}"
    causes: dict[str, list[Difference]] = defaultdict(list)
    for item in result.differences:
        causes[item.cause].append(item)
    for cause, items in sorted(causes.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        yield f"  {len(items):4} x {cause}"
        for item in items:
            yield f"           {item.file} {item.about}: {_shorten(item.detail)}"


def _rate(value: float | None, goal: float) -> str:
    if value is None:
        return "-"
    return f"{value:.1%} ({'reaches' if value >= goal else 'misses'} the goal of {goal:.0%})"


def _shorten(detail: str) -> str:
    """The last line, where tracebacks say what it is about."""
    lines = detail.strip().splitlines()
    return lines[-1][:300] if lines else ""
