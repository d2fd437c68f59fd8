"""The same DAG files on ours and on Apache Airflow, stock and tuned, interleaved: `make bench-vs-airflow`."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks import ours, peers_airflow, report, shapes
from tests.benchmarks.measure import Row, run_shape
from tests.benchmarks.side import Side, publish
from tests.benchmarks.surroundings import end_cleanly_on_sigterm

Start = Callable[[Path], contextlib.AbstractContextManager[Side]]


def main() -> None:
    """Run the rounds and write the report."""
    arguments = _arguments()
    end_cleanly_on_sigterm()
    chosen = [
        shapes.fibonacci("wm-light", 40, 10),
        shapes.chain(arguments.chain),
        shapes.fan(arguments.fan),
    ]
    chosen = [shape for shape in chosen if not arguments.names or shape.name in arguments.names]
    starts = _starts(arguments)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="aerodrome-bench-") as scratch:
        for turn in range(arguments.runs):
            for name, start in starts.items():
                with start(Path(scratch) / f"{turn}-{name}") as side:
                    rows += round_of(side, chosen, Path(scratch), arguments.repeat)
                report.write(arguments.out, "vs_airflow", rows)
    report.write(arguments.out, "vs_airflow", rows)
    print(report.table(rows))
    print(report.ratios(rows, "aerodrome"))


def round_of(side: Side, chosen: list[shapes.Shape], scratch: Path, repeat: int) -> Iterator[Row]:
    """Each shape on a side that was just started: once cold, then for the figures."""
    for shape in chosen:
        publish(side, shape)
        yield report.tell(run_shape(side, shape, scratch, cold=True))
        for _ in range(repeat):
            yield report.tell(run_shape(side, shape, scratch))


def _starts(arguments: argparse.Namespace) -> dict[str, Start]:
    venv = peers_airflow.find_venv(arguments.out.parent)

    def peer(tuned: bool) -> Start:
        return lambda home: peers_airflow.running(venv, home, tuned=tuned, database=arguments.database)

    starts: dict[str, Start] = {"ours": ours.environment, "stock": peer(False), "tuned": peer(True)}
    return {name: start for name, start in starts.items() if name in arguments.sides}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="wm-light, chain-N, fan-N; all when none is named")
    parser.add_argument("--runs", type=int, default=3, help="rounds; each starts every side afresh")
    parser.add_argument("--repeat", type=int, default=1, help="measured runs of a shape in one round")
    parser.add_argument("--fan", type=int, default=200)
    parser.add_argument("--chain", type=int, default=40)
    parser.add_argument(
        "--database", choices=("sqlite", "postgresql"), default="sqlite", help="Airflow's database"
    )
    parser.add_argument("--sides", nargs="+", default=["ours", "stock", "tuned"])
    parser.add_argument("--out", type=Path, default=Path(".bench/vs_airflow"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
