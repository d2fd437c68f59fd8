"""The processes of a cell: `python -m runner engine --home DIR` and `python -m runner agent --home DIR`.

`python -m runner check PATH...` parses DAG files without a cell: see `checking`; `save` and `load` copy a cell's
metadata: see `archiving`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from runner.process import die_with_reason


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role in the foreground until it is told to stop; the exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["check"]:
        from runner.checking import main as check

        return check(words[1:])
    if words[:1] and words[0] in ("save", "load"):
        return _archive(words)
    parser = argparse.ArgumentParser(prog="python -m runner", description="One process of a cell.")
    parser.add_argument("role", choices=("engine", "agent"))
    parser.add_argument("--home", type=Path, required=True, help="the cell's directory, with its cell.json")
    options = parser.parse_args(words)
    try:
        if options.role == "engine":
            from runner.engine import run_engine

            return run_engine(options.home)
        from runner.agent.main import run

        return int(run(options.home) or 0)
    except (OSError, RuntimeError, ValueError) as error:
        return die_with_reason(error)


def _archive(words: Sequence[str]) -> int:
    from runner.archiving import main as archive
    from runner.store.database import DatabaseError

    try:
        return archive(words)
    except (OSError, RuntimeError, ValueError, DatabaseError) as error:
        return die_with_reason(error)


if __name__ == "__main__":
    sys.exit(main())
