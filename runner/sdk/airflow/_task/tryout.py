"""`python -m airflow._task.tryout FILE`: one DAG of a file run here, on the terminal it was asked for on.

Nothing stands between the DAG and the terminal: what tasks print is seen at once, and a breakpoint stops. Exit status:
0 the run succeeded, 1 it did not, 2 it could not begin.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class CannotBegin(Exception):
    """The words say what to change on the command line or in the file."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the file, run the DAG, say how it ended."""
    parser = argparse.ArgumentParser(prog="python -m airflow._task.tryout")
    parser.add_argument("file")
    for name in ("--dag-id", "--conf", "--logical-date"):
        parser.add_argument(name)
    options = parser.parse_args(arguments)
    try:
        conf, date = _read_conf(options.conf), _read_date(options.logical_date)
        dag = _find_dag(options.file, options.dag_id)
    except CannotBegin as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    run = dag.test(run_conf=conf, **({} if date is None else {"logical_date": date}))
    for task_id, state in run.states.items():
        print(f"  {task_id}: {state}")
    print(f"{dag.dag_id}: {run.state}", flush=True)
    return 0 if run.state == "success" else 1


def _read_conf(text: str | None) -> dict[str, Any]:
    try:
        conf = json.loads(text or "{}")
    except ValueError as error:
        raise CannotBegin(f"cannot read --conf as JSON: {error}") from None
    if not isinstance(conf, dict):
        raise CannotBegin('cannot use --conf: it must be a JSON object, like {"day": 1}')
    return conf


def _read_date(text: str | None) -> Any:
    from airflow.utils.timezone import parse

    try:
        return parse(text) if text else None
    except ValueError as error:
        raise CannotBegin(f"cannot read --logical-date: {error}") from None


def _find_dag(file: str, dag_id: str | None) -> Any:
    """The DAG to run; the file's own error, whole, where it cannot be imported."""
    from airflow._task.load import load_file
    from airflow._task.tracebacks import text

    path = Path(file)
    folder = next((parent for parent in path.parents if parent.name == "dags"), path.parent)
    try:
        dags = load_file(str(path), str(folder))
    except BaseException as error:
        raise CannotBegin(f"cannot import {file}\n{text(error)}") from None
    if dag_id is None and len(dags) == 1:
        return next(iter(dags.values()))
    if dag_id in dags:
        return dags[dag_id]
    known = ", ".join(sorted(dags)) or "none"
    if dag_id is None and dags:
        raise CannotBegin(f"say which DAG of {file} to run: {known}")
    raise CannotBegin(f"cannot find {'the DAG ' + dag_id if dag_id else 'a DAG'} in {file}; it has {known}")


if __name__ == "__main__":
    sys.exit(main())
