"""What a check says about a file, as people and pipelines read it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from control_plane.commands.dags_packages import find_package

_MISSING = re.compile(r"No module named '([\w.]+)'")
_NO_VARIABLE = re.compile(r"Variable (\S+) does not exist")
_MODULE = re.compile(r"^(\w+\.)+(?=\w+: )")
_EMPTY_FRAME = re.compile(r"\s+[~^]*\s*$")


@dataclass(frozen=True, slots=True)
class Problem:
    """One error. `line` is None where the file has none to show: it hung, or ended its process."""

    line: int | None
    message: str


@dataclass(frozen=True, slots=True)
class DagCheck:
    """One DAG of a file. `next_runs`: epoch seconds, as a new copy of the DAG would run."""

    dag_id: str
    task_ids: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    schedule: str
    next_runs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One file."""

    path: str
    import_seconds: float
    dags: tuple[DagCheck, ...]
    errors: tuple[Problem, ...]
    warnings: tuple[str, ...]


def read_answer(answer: dict[str, Any], here: Path) -> FileCheck:
    """The report of one answer of `runner.checking`; paths below `here` are shown from there."""
    path = Path(answer["root"]) / answer["file"]
    error = answer["error"]
    return FileCheck(
        str(path.relative_to(here)) if path.is_relative_to(here) else str(path),
        round(float(answer["seconds"]), 4),
        tuple(_read_dag(dag) for dag in answer["dags"]),
        (read_error(error, str(path)),) if error is not None else (),
        tuple(text.replace(f"{here}/", "") for text in answer["warnings"]),
    )


def _read_dag(dag: dict[str, Any]) -> DagCheck:
    tasks = dag["tasks"]
    edges = sorted((above, task["task_id"]) for task in tasks for above in task.get("upstream", ()))
    return DagCheck(
        dag["dag_id"],
        tuple(sorted(task["task_id"] for task in tasks)),
        tuple(edges),
        str(dag["timetable"].get("summary", "None")),
        tuple(dag.get("next_runs", ())),
    )


def read_error(text: str, path: str) -> Problem:
    """An import error as `airflow._task` words it (a traceback, or one sentence), with what to do where we know."""
    message = _MODULE.sub("", _last_words(text))
    return Problem(_find_line(text, path), message + _advise(message, text))


def _find_line(text: str, path: str) -> int | None:
    """The innermost line of the file itself: what it called may be elsewhere."""
    name = re.escape(path)
    frames = re.findall(rf'File "{name}", line (\d+)', text) or re.findall(rf"{name}:(\d+)", text)
    return int(frames[-1]) if frames else None


def _last_words(text: str) -> str:
    """What comes after the last frame of a traceback."""
    _head, frame, rest = f"\n{text}".rpartition('\n  File "')
    if not frame:
        return text.strip()
    lines = rest.splitlines()[1:]
    while lines and (lines[0].startswith("    ") or _EMPTY_FRAME.match(lines[0])):
        lines.pop(0)
    return "\n".join(lines).strip() or text.strip().splitlines()[-1]


def _advise(message: str, text: str) -> str:
    if missing := _MISSING.search(message):
        asked = re.findall(rf"(?:from|import)\s+({re.escape(missing[1])}[\w.]*)", text)
        return _advise_module(asked[-1] if asked else missing[1])
    if variable := _NO_VARIABLE.search(message):
        name = f"AIRFLOW_VAR_{variable[1].upper()}"
        return f"\nfor this check set {name}; in the environment create the variable"
    return ""


def _advise_module(module: str) -> str:
    package = find_package(module)
    if package is not None:
        return f"\nadd {package} to requirements.txt"
    if module.startswith("airflow."):
        return ""
    top = module.partition(".")[0]
    return f"\nif {top} is yours, put it in the folder of DAGs; if not, add its package to requirements.txt"


def find_taken_ids(checks: Sequence[FileCheck]) -> list[FileCheck]:
    """The same with an error for every DAG id that an earlier file has."""
    owners: dict[str, str] = {}
    found = []
    for item in checks:
        taken = [dag.dag_id for dag in item.dags if dag.dag_id in owners]
        problems = tuple(
            Problem(None, f"the DAG id {dag_id!r} is taken by {owners[dag_id]}; rename one of them")
            for dag_id in taken
        )
        owners |= {dag.dag_id: item.path for dag in item.dags if dag.dag_id not in owners}
        found.append(replace(item, errors=item.errors + problems))
    return found


def to_json(checks: Iterable[FileCheck]) -> dict[str, Any]:
    """The report for pipelines."""
    return {
        "files": [
            {
                "path": item.path,
                "import_seconds": item.import_seconds,
                "dags": [
                    {
                        "dag_id": dag.dag_id,
                        "task_ids": list(dag.task_ids),
                        "edges": [list(edge) for edge in dag.edges],
                        "schedule": dag.schedule,
                    }
                    for dag in item.dags
                ],
                "errors": [{"line": problem.line, "message": problem.message} for problem in item.errors],
                "warnings": list(item.warnings),
            }
            for item in checks
        ]
    }
