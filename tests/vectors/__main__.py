"""`python -m tests.vectors [DIR]`: check ourselves against every file of expected values in a directory.

A file NAME.json is judged by `tests/vectors/NAME.py: run(data) -> Report`. Exit code 1 when a case fails.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from tests.vectors.report import Report

RUNNERS = (
    "cron_dst",
    "iam_policies",
    "sigv4",
    "sigv4_wire",
    "trigger_rules",
)
"""The files there is a runner for; a new one is a line here and a module of that name."""

PROSE = ("fault_matrix", "security_regressions")
"""Files whose rows say in words what to try and to look for: each is a test to be written, not a value to compare."""

DEFAULT = Path(__file__).parent / "data"


def main(arguments: list[str]) -> int:
    """Run every file; print passed and failed per file, the failing ids, and the sum."""
    directory = Path(arguments[0]) if arguments else DEFAULT
    files = sorted(directory.glob("*.json"))
    if not files:
        print(f"cannot find any *.json in {directory}: name the directory of the expected values")
        return 1
    reports = [report for path in files if (report := run_file(path)) is not None]
    failed = sum(len(report.failed) for report in reports)
    print(f"{sum(report.passed for report in reports)} passed, {failed} failed")
    return 1 if failed else 0


def run_file(path: Path) -> Report | None:
    """Judge one file and print the outcome. None when there is no runner for it."""
    if path.stem not in RUNNERS:
        why = "its rows are prose, which no program can judge" if path.stem in PROSE else "no runner yet"
        print(f"{path.name}: not run: {why}")
        return None
    runner = importlib.import_module(f"tests.vectors.{path.stem}")
    report: Report = runner.run(json.loads(path.read_text(encoding="utf-8")))
    print(f"{path.name}: {report.passed} passed, {len(report.failed)} failed")
    for line in report.failed:
        print(f"  FAILED {line}")
    return report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
