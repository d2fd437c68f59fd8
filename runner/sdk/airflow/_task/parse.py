"""One DAG file to data: what a parse child answers with."""

from __future__ import annotations

import ast
import sys
import time
import warnings
from itertools import islice
from pathlib import Path

from airflow._task import comms, importing
from airflow._task.load import load_file
from airflow._task.serialize import serialize_dag
from airflow._task.timeouts import time_limit
from airflow._task.tracebacks import text
from airflow._wire import messages
from airflow._wire.frames import Message
from airflow.configuration import conf, generation

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
    imported = _imported(bundle_path, file, modules)
    warned = [*_notes(bundle_path, [file, *imported]), *_texts(caught)][:MAX_WARNINGS]
    asked = importing.describe(getattr(comms.current(), "answers", ()))
    return messages.parse_result(dags, error, time.perf_counter() - began, imported, warned, asked)


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
    return list(dict.fromkeys(lines))


def _notes(bundle_path: str, files: list[str]) -> list[str]:
    """What to write instead of the names of earlier generations that these files import."""
    from airflow._names.notes import list_notes

    found: list[str] = []
    for file in files:
        try:
            tree = ast.parse((Path(bundle_path) / file).read_bytes())
        except (SyntaxError, ValueError, OSError, RecursionError):
            continue  # what is wrong with the file is its import error
        found += list_notes(tree, file, generation())
    return found
