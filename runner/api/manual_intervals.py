"""What runs by hand and backfills cover where only the DAG's own timetable knows it: an agent is asked."""

from __future__ import annotations

import queue
from typing import Any

from airflow._wire.frames import Message

from runner.api.context import CellContext
from runner.domain.asked import read_manual, read_range
from runner.domain.timetables import Interval, RunInfo, is_asked
from runner.events import TimetableAsked
from runner.store.dags import find_runnable
from runner.store.listing_dags import find_dag_row

_SECONDS = 20.0


class TimetableFailed(ValueError):
    """The timetable did not say; the message is for whoever starts the run."""


def ask_interval(cell: CellContext, dag_id: str, logical_date: float | None) -> Interval | None:
    """What the DAG's own timetable says; None where the engine knows by itself. Raises TimetableFailed.

    Not to be called inside of a transaction: it waits for another process.
    """
    if logical_date is None:
        return None
    with cell.db.read() as conn:
        row = find_dag_row(conn, dag_id)
        if row is None or row.timetable_kind != "custom":
            return None
        runnable = find_runnable(conn, dag_id)
    if runnable is None or not is_asked(runnable.spec.timetable):
        return None
    question = {"kind": "manual", "run_after": logical_date}
    answer = _ask(cell, dag_id, runnable.bundle, runnable.spec.file, question)
    try:
        return read_manual(answer, logical_date)
    except ValueError as error:
        raise TimetableFailed(f"cannot start DAG {dag_id!r}: {error}") from None


def ask_runs(cell: CellContext, dag_id: str, first: float, last: float, most: int) -> list[RunInfo] | None:
    """The runs of a time that the DAG's own timetable wants, one more than `most` at most; None as above."""
    with cell.db.read() as conn:
        row = find_dag_row(conn, dag_id)
        runnable = find_runnable(conn, dag_id) if row is not None and row.timetable_kind == "custom" else None
    if runnable is None or not is_asked(runnable.spec.timetable):
        return None
    question = {"kind": "range", "earliest": first, "latest": last, "most": most}
    answer = _ask(cell, dag_id, runnable.bundle, runnable.spec.file, question)
    try:
        return read_range(answer)
    except ValueError as error:
        raise TimetableFailed(f"cannot backfill DAG {dag_id!r}: {error}") from None


def _ask(cell: CellContext, dag_id: str, bundle: str, file: str, question: dict[str, Any]) -> Message:
    answers: queue.SimpleQueue[tuple[Message | None, str | None]] = queue.SimpleQueue()
    cell.scheduler.post(
        TimetableAsked(
            dag_id, bundle, file, question, _SECONDS, lambda answer, error: answers.put((answer, error))
        )
    )
    try:
        answer, error = answers.get(timeout=_SECONDS)
    except queue.Empty:
        raise TimetableFailed(
            f"cannot start DAG {dag_id!r}: nobody could ask its timetable within {_SECONDS:g} seconds"
        ) from None
    if error is not None:
        last = error.strip().rpartition("\n")[2]
        raise TimetableFailed(
            f"cannot start DAG {dag_id!r}: its timetable does not say what the run covers: {last}"
        )
    return answer or {}
