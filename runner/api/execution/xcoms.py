"""XCom for tasks: reading any in the cell, writing one's own."""

from __future__ import annotations

import json
from typing import Any

from runner.api.execution.asking import Question, Refused
from runner.api.xcom_values import put_plain, put_text, read_text
from runner.store.listing_runs import find_run, list_run_ids_until
from runner.store.xcoms import Place, Stored, find_item, find_value, list_blobs, list_values
from runner.store.xcoms import delete_xcom as delete_rows

_MAX_KEY = 512
MOST = 31 * 1024 * 1024
"""Bytes in one answer. Within a frame's limit, even where every one of them has to be escaped."""


def get_xcom(question: Question) -> dict[str, Any]:
    """{dag_id, run_id, task_id, map_index|null, key} -> {found, value}"""
    place = Place(
        question.text("dag_id", question.attempt.dag_id),
        question.text("run_id", question.attempt.run_id),
        question.text("task_id"),
        question.integer_or_none("map_index"),
    )
    with question.cell.db.read() as conn:
        stored = find_value(conn, place, question.text("key"))
    return {"found": stored is not None, **_describe(question, stored)}


def get_xcom_item(question: Question) -> dict[str, Any]:
    """{dag_id, run_id, task_id, key, offset} -> {length, found, value}"""
    place = Place(
        question.text("dag_id", question.attempt.dag_id),
        question.text("run_id", question.attempt.run_id),
        question.text("task_id"),
        None,
    )
    offset = question.integer_or_none("offset") or 0
    with question.cell.db.read() as conn:
        length, stored = find_item(conn, place, question.text("key"), offset)
    return {"length": length, "found": stored is not None, **_describe(question, stored)}


def list_xcoms(question: Question) -> list[dict[str, Any]]:
    """Values by task and map index; without task ids in the order in which they were left.

    With `include_prior_dates` a task's value comes from the newest run that has one, no later than the run named.
    """
    dag_id = question.text("dag_id", question.attempt.dag_id)
    run_id = question.text("run_id", question.attempt.run_id)
    task_ids = question.list_or_none("task_ids", str)
    indexes = question.list_or_none("map_indexes", int)
    key = question.text_or_none("key")
    with question.cell.db.read() as conn:
        run_ids = [run_id]
        if question.params.get("include_prior_dates"):
            run = find_run(conn, dag_id, run_id)
            if run is not None and run.logical_date is not None:
                run_ids = list_run_ids_until(conn, dag_id, run.logical_date)
        rows = list_values(conn, dag_id, run_ids, key, task_ids, indexes)
    newest: dict[tuple[str, int, str], Any] = {}
    ranks = {name: rank for rank, name in enumerate(run_ids)}
    for row in sorted(rows, key=lambda row: ranks[row.run_id]):
        newest[row.task_id, row.map_index, row.key] = row
    chosen = [row for row in rows if newest[row.task_id, row.map_index, row.key] is row]
    answer, size = [], 0
    for row in chosen:
        item = _describe(question, Stored(row.value, row.blob))
        size += len(item.get("text", row.value).encode())
        if size > MOST:
            raise Refused(
                "invalid",
                f"cannot list XComs: together they have more than {MOST} bytes; pull them one by one",
            )
        answer.append({"task_id": row.task_id, "map_index": row.map_index, **item})
    return answer


def set_xcom(question: Question) -> None:
    """{key, value | text, length|null} -> null"""
    key = question.text("key")
    if not 0 < len(key) <= _MAX_KEY:
        raise Refused("invalid", f"cannot push an XCom: its key must have 1 to {_MAX_KEY} characters")
    text = question.text_or_none("text")
    if text is None:
        put_plain(question.cell, _own(question), key, question.params.get("value"))
    else:
        put_text(question.cell, _own(question), key, text, question.integer_or_none("length"))


def delete_own_xcom(question: Question) -> None:
    """{key} -> null"""
    place, key = _own(question), question.text("key")
    with question.cell.db.begin() as conn:
        blobs = list_blobs(conn, place, key)
        delete_rows(conn, place, key)
    question.cell.blobs.drop(blobs)


def _describe(question: Question, stored: Stored | None) -> dict[str, Any]:
    """A value for a child: a large one as text, which passes through all hands unread."""
    if stored is None:
        return {"value": None}
    if stored.blob is None:
        return {"value": json.loads(stored.value)}
    return {"value": None, "text": read_text(question.cell, stored)}


def _own(question: Question) -> Place:
    attempt = question.attempt
    return Place(attempt.dag_id, attempt.run_id, attempt.task_id, attempt.map_index)
