"""Writing down what parsing found: DAGs, their versions, import errors. Whatever a file says harms no other file."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from runner.store.dag_files import DagFile, find_dag_file, put_dag_file
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


def record(
    conn: sa.Connection, bundle: str, parsed: Parsed, pending: Collection[str], now: float, paused: bool
) -> list[str]:
    """Write one answer in the caller's transaction; the ids of DAGs that changed.

    A file with an error keeps the DAGs it had, and the snapshot in which it was last in order. `pending`: files
    whose answer is still to come, which therefore hold no DAG id against this one.
    """
    error = parsed.result.get("error")
    changed: list[str] = []
    if error is None:
        try:
            with conn.begin_nested():
                changed, error = _put(conn, bundle, parsed, pending, now, paused)
        except ValueError as refusal:
            error = str(refusal)
        except Exception as fault:
            _log.exception("cannot record %s", parsed.file)
            error = f"cannot use what parsing {parsed.file} found: {fault!r}"
    before = find_dag_file(conn, parsed.file) if error is not None else None
    put_dag_file(
        conn,
        DagFile(
            parsed.file,
            parsed.digest,
            before.bundle if before is not None else bundle,
            now,
            float(parsed.result.get("seconds") or 0.0),
            parsed.modules,
            None if error is None else str(error).replace("\x00", "")[-_MAX_ERROR:],
        ),
    )
    return changed


def _put(
    conn: sa.Connection, bundle: str, parsed: Parsed, pending: Collection[str], now: float, paused: bool
) -> tuple[list[str], str | None]:
    """Write the DAGs that are this file's to define; the error names those that are not. Raises ValueError."""
    dags = [{**check_dag(data, parsed.file), "file": parsed.file} for data in parsed.result.get("dags") or []]
    owners = list_files_of_dags(conn, [data["dag_id"] for data in dags])
    taken = {
        dag_id: owner for dag_id, owner in owners.items() if owner != parsed.file and owner not in pending
    }
    own = [data for data in dags if data["dag_id"] not in taken]
    changed = put_dags(conn, bundle, parsed.file, own, now, paused)
    problems = [
        f"cannot use DAG {dag_id!r} of {parsed.file}: {owner} defines a DAG of that id too; rename one of them"
        for dag_id, owner in sorted(taken.items())
    ]
    return changed, "\n".join(problems) or None


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
