"""`python -m tests.compat`: our Airflow and a real one over the same DAG files. See README.md."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sync.venv import ensure_base_venv
from tests.compat import corpora
from tests.compat.corpora import KNOWN, Corpus
from tests.compat.differing import Sides, examine
from tests.compat.oracle import Oracle
from tests.compat.ours import LOCK, running
from tests.compat.recorded import list_own, record
from tests.compat.report import describe


def main(arguments: Sequence[str] | None = None) -> int:
    options = _read(arguments)
    for venv in options.oracle:
        if not (venv / "bin" / "python").exists():
            print(f"cannot find an Airflow in {venv}: it has no bin/python", file=sys.stderr)
            return 2
    options.cache.mkdir(parents=True, exist_ok=True)
    oracles = [Oracle(venv, options.cache / "oracle") for venv in options.oracle]
    if options.record:
        return _record(oracles, options.timeout)
    todo = _choose(options, oracles)
    venvs = options.cache.resolve() / "venvs"
    python = options.python or ensure_base_venv(venvs, LOCK)
    results = []
    with (
        tempfile.TemporaryDirectory(prefix="aerodrome-compat-") as work,
        running(Path(work), venvs) as service,
    ):
        for corpus in todo:
            oracle = _find_oracle(corpus, oracles)
            sides = Sides(oracle, None if options.parse_only else service, options.timeout, python)
            print(f"{corpus.name}: {corpus.root}", file=sys.stderr, flush=True)
            results.append(examine(corpus, sides, options.only))
    print(describe(results))
    if options.json:
        options.json.write_text(json.dumps([result.to_json() for result in results], indent=1))
    return 0


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.compat", description=__doc__)
    parser.add_argument(
        "--corpus", type=Path, action="append", help="a folder of DAG files; without: known ones"
    )
    parser.add_argument(
        "--known", action="append", choices=[source.name for source in KNOWN], help="only these"
    )
    parser.add_argument("--own", action="store_true", help="our own files in tests/compat/dags")
    parser.add_argument(
        "--record", action="store_true", help="write down what the oracles say of our own files"
    )
    parser.add_argument(
        "--oracle", type=Path, action="append", default=[], help="a venv with Apache Airflow 2 or 3"
    )
    parser.add_argument("--airflow-version", help="of our environment; without: the oracle's")
    parser.add_argument("--python", type=Path, help="that parses for us; without: what every environment has")
    parser.add_argument("--parse-only", action="store_true")
    parser.add_argument("--only", default="", help="files whose path contains this")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds that a run may take")
    parser.add_argument("--cache", type=Path, default=Path(".compat").resolve())
    parser.add_argument("--json", type=Path, help="write the results there, too")
    return parser.parse_args(arguments)


def _find_oracle(corpus: Corpus, oracles: list[Oracle]) -> Oracle | None:
    """The one of the corpus's generation; 2.x stands in for 1.10, which runs on no Python of today."""
    return next((oracle for oracle in oracles if oracle.generation == max(2, corpus.generation)), None)


def _record(oracles: list[Oracle], timeout: float) -> int:
    for corpus in list_own():
        oracle = _find_oracle(corpus, oracles)
        if oracle is not None:
            record(corpus, oracle, timeout)
    return 0


def _choose(options: argparse.Namespace, oracles: list[Oracle]) -> list[Corpus]:
    if options.own:
        return list_own()
    if options.corpus:
        version = options.airflow_version or (oracles[0].version if oracles else "3.3.2")
        return [Corpus(path.name, path.resolve(), version) for path in options.corpus]
    wanted = [source for source in KNOWN if not options.known or source.name in options.known]
    return [corpora.fetch(source, options.cache.resolve()) for source in wanted]


if __name__ == "__main__":
    sys.exit(main())
