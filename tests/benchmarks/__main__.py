"""`python -m tests.benchmarks [NAME...] [--runs N] [--quick] [--out DIR]`: the suite on the real service."""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from pathlib import Path

from tests.benchmarks import report
from tests.benchmarks.measure import Row
from tests.benchmarks.setup import Setup
from tests.benchmarks.suite import ON_REQUEST, SUITE
from tests.benchmarks.surroundings import end_cleanly_on_sigterm


def main() -> int:
    """Run what was asked for; 1 when a row is void or a benchmark could not run."""
    arguments = _arguments()
    end_cleanly_on_sigterm()
    rows: list[Row] = []
    failed = False
    benchmarks = SUITE | ON_REQUEST
    for name in arguments.names or SUITE:
        print(f"{name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="aerodrome-bench-", ignore_cleanup_errors=True) as scratch:
            try:
                for row in benchmarks[name](Setup(Path(scratch), arguments.runs, arguments.quick)):
                    rows.append(report.tell(row))
            except Exception:
                failed = True
                traceback.print_exc()
        report.write(arguments.out, "suite", rows)
    print(report.table(rows))
    return int(failed or any(row.void for row in rows))


def _arguments() -> argparse.Namespace:
    benchmarks = SUITE | ON_REQUEST
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*benchmarks, []], help=f"of: {', '.join(benchmarks)}", metavar="NAME"
    )
    parser.add_argument("--runs", type=int, default=5, help="measured runs of a shape, after a cold one")
    parser.add_argument("--quick", action="store_true", help="small sizes: proves that the suite works")
    parser.add_argument("--out", type=Path, default=Path(".bench/suite"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
