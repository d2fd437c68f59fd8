"""Runs by filter, for tasks: what `DagRun.find` asks."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow._wire import encoding

from runner.api.execution.asking import Question, Refused
from runner.api.execution.runs import run_facts
from runner.api.query import epoch
from runner.store.listing_page import Window
from runner.store.listing_runs import RunFilter, list_runs

MOST = 1000


def list_dag_runs(question: Question) -> list[dict[str, Any]]:
    """{dag_ids|null, run_ids|null, states|null, run_types|null, from|null, until|null} -> [run facts], by logical date.

    At most the newest 1,000; `from` and `until` are bounds of the logical date.
    """
    wanted = RunFilter(
        dag_ids=question.list_or_none("dag_ids", str),
        states=list(question.list_or_none("states", str) or ()),
        run_types=question.list_or_none("run_types", str) or [],
        bounds={"logical_date": {"gte": _date(question, "from"), "lte": _date(question, "until")}},
    )
    run_ids = question.list_or_none("run_ids", str)
    with question.cell.db.read() as conn:
        rows = list_runs(conn, wanted, Window(limit=MOST, order_by=("-logical_date",))).rows
    return [run_facts(row) for row in reversed(rows) if run_ids is None or row.run_id in run_ids]


def _date(question: Question, name: str) -> float | None:
    value = encoding.from_plain(question.params.get(name))
    if value is None:
        return None
    try:
        return epoch(dt.datetime.fromisoformat(value) if isinstance(value, str) else value)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise Refused("invalid", f"cannot list runs: {name!r} must be a date") from None
