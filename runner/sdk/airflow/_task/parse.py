"""One DAG file to data: what a parse child answers with."""

from __future__ import annotations

import sys
import time
import warnings
from itertools import islice
from pathlib import Path

from airflow._task.load import load_file
from airflow._task.serialize import serialize_dag
from airflow._task.timeouts import time_limit
from airflow._task.tracebacks import text
from airflow._wire import messages
from airflow._wire.frames import Message
from airflow.configuration import conf

MAX_WARNINGS = 50


def parse(bundle_path: str, file: str) -> Message:
    """The result of parsing `file` (relative to the bundle); see `messages.parse_result`. Never raises.

    A file that ends the interpreter with SystemExit is an import error like any other. A file without DAGs is none.
    """
    began = time.perf_counter()
    modules = len(sys.modules)
    dags: list[Message] = []
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DeprecationWarning)
        try:
            limit = conf.getfloat("core", "dagbag_import_timeout")
            with time_limit(limit, f"cannot import {file}: it took longer than {limit:g} seconds"):
                loaded = load_file(str(Path(bundle_path) / file), bundle_path)
            dags = [serialize_dag(dag, file) for _, dag in sorted(loaded.items())]
        except BaseException as problem:
            dags, error = [], text(problem)
    seconds = time.perf_counter() - began
    return messages.parse_result(dags, error, seconds, _imported(bundle_path, file, modules), _texts(caught))


def _imported(bundle_path: str, file: str, known: int) -> list[str]:
    """The files of the bundle that were imported after the `known` first modules, apart from the DAG file itself.

    Only the new ones are looked at: to touch a module that the zygote had is to copy the page it lies on.
    """
    root = f"{bundle_path.rstrip('/')}/"
    names = list(islice(reversed(sys.modules), max(0, len(sys.modules) - known)))
    files = (getattr(sys.modules[name], "__file__", None) for name in names)
    found = {path[len(root) :] for path in files if isinstance(path, str) and path.startswith(root)}
    return sorted(found - {file})


def _texts(caught: list[warnings.WarningMessage]) -> list[str]:
    lines = [f"{item.filename}:{item.lineno}: {item.category.__name__}: {item.message}" for item in caught]
    return list(dict.fromkeys(lines))[:MAX_WARNINGS]
