"""Writing down what parsing found: DAGs, their versions, import errors. Whatever a file says harms no other file."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from runner.store.dag_files import DagFile, find_dag_file, put_dag_files
from runner.store.dags import put_dags
from runner.store.listing_dags import list_files_of_dags

_DAG_ID = re.compile(r"[\w.\-]{1,250}\Z")
_MAX_ERROR = 64 * 1024
_log = logging.getLogger("aerodrome.dag_processor")


@dataclass(frozen=True, slots=True)
class Parsed:
    """The answer for one file."""

    file: str
    digest: str
    modules: Mapping[str, str]
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """How answers are written. `pending`: files whose answer is still to come; they hold no DAG id against others."""

    pending: Collection[str]
    now: float
    paused: bool


def record(conn: sa.Connection, bundle: str, answers: Sequence[Parsed], rules: Rules) -> list[str]:
    """Write answers in the caller's transaction; the ids of DAGs that changed.

    A file with an error keeps the DAGs it had, and the snapshot in which it was last in order.
    """
    dags = {parsed.file: _read_dags(parsed) for parsed in answers}
    named = [data["dag_id"] for found, _error in dags.values() for data in found]
    owners = list_files_of_dags(conn, named)
    pending = set(rules.pending) | {parsed.file for parsed in answers}
    rows, changed = [], []
    for parsed in answers:
        pending.discard(parsed.file)
        found, error = dags[parsed.file]
        taken = {data["dag_id"] for data in found} & {
            dag_id for dag_id, owner in owners.items() if owner != parsed.file and owner not in pending
        }
        if error is None:
            own = [data for data in found if data["dag_id"] not in taken]
            error = _describe_taken(parsed.file, {dag_id: owners[dag_id] for dag_id in taken})
            try:
                changed += put_dags(conn, bundle, parsed.file, own, rules.now, rules.paused)
                owners = {dag_id: owner for dag_id, owner in owners.items() if owner != parsed.file}
                owners.update({data["dag_id"]: parsed.file for data in own})
            except ValueError as refusal:  # nothing was written
                error = str(refusal)
        rows.append(_describe_file(conn, bundle, parsed, error, rules.now))
    put_dag_files(conn, rows)
    for row in rows:
        tell(row, len(dags[row.path][0]))
    return changed


def record_fault(conn: sa.Connection, bundle: str, parsed: Parsed, fault: Exception, now: float) -> None:
    """Write that an answer could not be recorded, as the file's import error."""
    error = f"cannot use what parsing {parsed.file} found: {fault!r}"
    row = _describe_file(conn, bundle, parsed, error, now)
    put_dag_files(conn, [row])
    tell(row, 0)


def tell(row: DagFile, dags: int) -> None:
    """What came of a file, as one line of the log."""
    facts = {"file": row.path, "seconds": round(row.seconds, 4)}
    if row.error is None:
        _log.info("parsed %s in %.3f s", row.path, row.seconds, extra={**facts, "dags": dags})
        return
    last = row.error.strip().rpartition("\n")[2]
    _log.error("cannot import %s: %s", row.path, last, extra={**facts, "error_detail": row.error})


def _read_dags(parsed: Parsed) -> tuple[list[dict[str, Any]], str | None]:
    error = parsed.result.get("error")
    if error is not None:
        return [], str(error)
    try:
        found = [check_dag(data, parsed.file) for data in parsed.result.get("dags") or []]
    except ValueError as refusal:
        return [], str(refusal)
    return [{**data, "file": parsed.file} for data in found], None


def _describe_file(
    conn: sa.Connection, bundle: str, parsed: Parsed, error: str | None, now: float
) -> DagFile:
    before = find_dag_file(conn, parsed.file) if error is not None else None
    return DagFile(
        parsed.file,
        parsed.digest,
        before.bundle if before is not None else bundle,
        now,
        float(parsed.result.get("seconds") or 0.0),
        parsed.modules,
        None if error is None else error.replace("\x00", "")[-_MAX_ERROR:],
        [str(warning) for warning in parsed.result.get("warnings") or ()],
    )


def _describe_taken(file: str, taken: Mapping[str, str]) -> str | None:
    problems = [
        f"cannot use DAG {dag_id!r} of {file}: {owner} defines a DAG of that id too; rename one of them"
        for dag_id, owner in sorted(taken.items())
    ]
    return "\n".join(problems) or None


def check_dag(data: Any, file: str) -> dict[str, Any]:
    """The serialised DAG, if it has the form of one: it comes from a process that ran user code. Raises ValueError."""
    if not isinstance(data, dict) or not isinstance(data.get("tasks"), list):
        raise ValueError(f"cannot use what parsing {file} found: it is not a serialised DAG")
    dag_id = data.get("dag_id")
    if not isinstance(dag_id, str) or not _DAG_ID.match(dag_id):
        raise ValueError(
            f"cannot use DAG id {dag_id!r} of {file}: 1 to 250 letters, digits and ._- are allowed"
        )
    for task in data["tasks"]:
        if not isinstance(task, dict) or not isinstance(task.get("task_id"), str) or not task["task_id"]:
            raise ValueError(f"cannot use DAG {dag_id!r} of {file}: it has a task without a task_id")
    return data
