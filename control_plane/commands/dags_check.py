"""`aerodrome dags check`: the runner parses in a process of its own; here its answers become a report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import airflow._wire
import click

import control_plane
from control_plane.commands.dags_report import FileCheck, find_taken_ids, read_answer

CODE = Path(control_plane.__file__).parents[1]
SDK = Path(airflow._wire.__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Request:
    """What to check and how."""

    paths: tuple[Path, ...]
    airflow_version: str
    python: str
    timeout: float
    dags_folder: str | None


def check_files(request: Request) -> tuple[list[FileCheck], list[str]]:
    """Every file by path, and what is wrong with an .airflowignore."""
    checks, problems = [], []
    for answer in _ask(request):
        if "problem" in answer:
            problems.append(str(answer["problem"]))
        else:
            checks.append(read_answer(answer, Path.cwd()))
    return find_taken_ids(sorted(checks, key=lambda item: item.path)), problems


def _ask(request: Request) -> Iterator[dict[str, Any]]:
    options = ["--airflow-version", request.airflow_version, "--python", request.python]
    options += ["--timeout", str(request.timeout)]
    options += ["--dags-folder", request.dags_folder] if request.dags_folder else []
    argv = [sys.executable, "-P", "-m", "runner", "check", *options, *map(str, request.paths)]
    env = {**os.environ, "PYTHONPATH": _path(CODE, SDK)}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        yield from map(json.loads, process.stdout)
    if process.returncode != 0:
        raise click.ClickException(f"cannot check: the process that parses ended with {process.returncode}")


def environment_of(airflow_version: str) -> dict[str, str]:
    """The variables of an interpreter that runs DAG files on a terminal: the caller's, and where `airflow` is."""
    return {**os.environ, "PYTHONPATH": _path(SDK), "AERODROME_AIRFLOW_VERSION": airflow_version}


def _path(*ours: Path) -> str:
    return os.pathsep.join([*map(str, ours), *filter(None, [os.environ.get("PYTHONPATH")])])
