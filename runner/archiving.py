"""`python -m runner save|load --home DIR --file FILE`: a cell's metadata to a file, and from one into a new cell.

Run by the control plane, which reads no cell's database itself. It ends with 0, or with one line that says why not.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from airflow._wire import cell
from airflow._wire.layout import Layout

from runner.store.copying import load, save
from runner.store.database import Database

COMMANDS = ("save", "load")


def main(words: Sequence[str]) -> int:
    """Do it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m runner", description="A cell's metadata as one file.")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--home", type=Path, required=True, help="the cell's directory, with its cell.json")
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--without-secrets", action="store_true")
    options = parser.parse_args(words)
    layout = Layout(options.home.resolve())
    layout.make()
    database = Database(cell.read(layout.spec).database_url)
    try:
        if options.command == "save":
            save(database, options.file, with_secrets=not options.without_secrets)
        else:
            load(options.file, database)
    finally:
        database.dispose()
    return 0
