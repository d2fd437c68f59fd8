"""Runs for tasks: facts about them, their tasks' states, and starting one."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import orjson
import sqlalchemy as sa
from airflow._wire import encoding

from runner.api.airflow.dag_runs import FIRST, LAST, RUN_ID
from runner.api.airflow.params import BadParams, merge_params
from runner.api.execution.asking import Question, Refused
from runner.api.manual_intervals import TimetableFailed, ask_interval
from runner.domain.deadlines import BadDeadline
from runner.domain.timetables import infer_manual_interval, next_run
from runner.store.dags import Runnable, find_runnable, get_version
from runner.store.listing_dags import find_dag_row, find_version
from runner.store.listing_runs import find_previous_run, find_run, find_run_at, list_all_states
from runner.store.runs import MANUAL, OPERATOR_TRIGGERED, NewRun, RunExists, insert_run, make_run_id
from runner.store.task_instances import clear, list_ids


def get_dag_run(question: Question) -> dict[str, Any]:
    """{dag_id, run_id} -> {found, ...run facts}"""
    dag_id = question.text("dag_id", question.attempt.dag_id)
    with question.cell.db.read() as conn:
        row = find_run(conn, dag_id, question.text("run_id", question.attempt.run_id))
    return run_facts(row)


def get_previous_run(question: Question) -> dict[str, Any]:
    """{dag_id, logical_date, state|null} -> {found, ...run facts}"""
    dag_id = question.text("dag_id", question.attempt.dag_id)
    before = question.date_or_none("logical_date")
    if before is None:
        return {"found": False}
    with question.cell.db.read() as conn:
        return run_facts(find_previous_run(conn, dag_id, before, question.text_or_none("state")))


def get_next_interval(question: Question) -> dict[str, Any]:
    """{dag_id, run_id} -> {found, start, end}: what the timetable makes after this run, whenever that is."""
    dag_id = question.text("dag_id", question.attempt.dag_id)
    with question.cell.db.read() as conn:
        row = find_run(conn, dag_id, question.text("run_id", question.attempt.run_id))
        timetable = get_version(conn, row.version_id).timetable if row is not None else {}
    if row is None or row.interval_end is None:
        return {"found": False}
    last = (row.interval_start, row.interval_end)
    following = next_run(timetable, last, None, None, True, question.cell.clock())
    if following is None:
        return {"found": False}
    start, end = following.interval_start, following.interval_end
    return {"found": True, "start": _plain_date(start), "end": _plain_date(end)}


def get_task_states(question: Question) -> dict[str, str | None]:
    """{dag_id, run_id, task_ids|null} -> {task_id: state}; a mapped task is there once, with its worst state."""
    dag_id = question.text("dag_id", question.attempt.dag_id)
    run_id = question.text("run_id", question.attempt.run_id)
    with question.cell.db.read() as conn:
        rows = list_all_states(conn, dag_id, run_id, question.list_or_none("task_ids", str))
    states: dict[str, str | None] = {}
    for row in sorted(rows, key=lambda row: _weight(row.state)):
        states[row.task_id] = row.state
    return states


def trigger_dag_run(question: Question) -> dict[str, Any]:
    """{dag_id, run_id|null, logical_date|null, run_after|null, conf, reset, note|null} -> {run_id, created}

    A run that exists is started anew when `reset` is set, and otherwise refused.
    """
    dag_id, cell = question.text("dag_id"), question.cell
    new = _plan_run(question, dag_id)
    try:
        asked = ask_interval(cell, dag_id, new.logical_date)
    except TimetableFailed as error:
        raise Refused("invalid", str(error)) from None
    with cell.db.begin() as conn:
        runnable = _get_runnable(conn, dag_id, encoding.loads(new.conf))
        if not runnable.spec.allows(OPERATOR_TRIGGERED):
            raise Refused(
                "invalid", f"cannot start {dag_id!r}: it does not allow runs that operators trigger"
            )
        if new.logical_date is not None:
            start, end = asked or infer_manual_interval(runnable.spec.timetable, new.logical_date)
            new = replace(new, interval_start=start, interval_end=end)
        try:
            key = insert_run(conn, new, runnable.version_id, runnable.bundle, runnable.spec)
        except BadDeadline as error:
            raise Refused("invalid", f"cannot start {dag_id!r}: {error}") from None
        except RunExists as error:
            if not question.params.get("reset"):
                raise Refused("exists", str(error)) from None
            key, run_id = _reset(conn, new, cell.clock())
            created = False
        else:
            created, run_id = True, new.run_id
    if created:
        cell.post_run_created(key)
    else:
        cell.post_runs_changed([key])
    return {"run_id": run_id, "created": created}


def run_facts(row: Any) -> dict[str, Any]:
    """A run as `airflow.models.dagrun.DagRun` reads it; dates in the plain form of `encoding`."""
    if row is None:
        return {"found": False}
    dates = {
        "logical_date": row.logical_date,
        "data_interval_start": row.interval_start,
        "data_interval_end": row.interval_end,
        "run_after": row.run_after,
        "queued_at": row.queued_at,
        "start_date": row.start_date,
        "end_date": row.end_date,
        "partition_date": row.partition_date,
    }
    return {
        "found": True,
        "dag_id": row.dag_id,
        "run_id": row.run_id,
        "run_type": row.run_type,
        "state": row.state,
        "conf": orjson.loads(row.conf),
        "note": row.note,
        "partition_key": row.partition_key,
        "external_trigger": row.run_type == MANUAL,
        **{name: _plain_date(at) for name, at in dates.items()},
    }


def _plan_run(question: Question, dag_id: str) -> NewRun:
    now = question.cell.clock()
    logical, run_after = question.date_or_none("logical_date"), question.date_or_none("run_after")
    if any(at is not None and not FIRST <= at <= LAST for at in (logical, run_after)):
        raise Refused("invalid", "cannot start a run outside of the years 1900 to 2199")
    if run_after is None:
        run_after = now if logical is None else max(now, logical)
    run_id = question.text_or_none("run_id") or make_run_id(MANUAL, logical, run_after)
    if not RUN_ID.match(run_id) or len(run_id) > 250:
        raise Refused("invalid", f"cannot use run id {run_id!r}: only letters, digits and _.~:+- are allowed")
    conf = question.params.get("conf") or {}
    if not isinstance(conf, dict):
        raise Refused("invalid", "cannot start a run: conf must be a JSON object")
    return NewRun(
        dag_id=dag_id,
        run_id=run_id,
        run_type=OPERATOR_TRIGGERED if question.cell.spec.generation >= 3 else MANUAL,
        logical_date=logical,
        interval_start=None,
        interval_end=None,
        run_after=run_after,
        queued_at=now,
        conf=orjson.dumps(conf).decode(),
        note=question.text_or_none("note"),
        triggered_by="operator",
        triggering_user=None,
    )


def _get_runnable(conn: sa.Connection, dag_id: str, conf: dict[str, Any]) -> Runnable:
    row, version, runnable = (
        find_dag_row(conn, dag_id),
        find_version(conn, dag_id),
        find_runnable(conn, dag_id),
    )
    if row is None or version is None or runnable is None or row.is_stale:
        raise Refused("not_found", f"cannot start DAG {dag_id!r}: there is no DAG of that id")
    try:
        merge_params(orjson.loads(version.data).get("params") or {}, conf)
    except BadParams as error:
        raise Refused("invalid", str(error)) from None
    return runnable


def _reset(conn: sa.Connection, run: NewRun, now: float) -> tuple[int, str]:
    """Start an existing run anew, with all its tasks: the one of that run id, or else of that logical date."""
    row = find_run(conn, run.dag_id, run.run_id)
    if row is None and run.logical_date is not None:
        row = find_run_at(conn, run.dag_id, run.logical_date)
    if row is None:
        raise Refused("not_found", f"cannot reset a run of DAG {run.dag_id!r}: it is gone")
    clear(conn, list_ids(conn, row.id), now)
    return int(row.id), str(row.run_id)


def _plain_date(at: float | None) -> Any:
    return None if at is None else encoding.to_plain(dt.datetime.fromtimestamp(at, dt.UTC))


def _weight(state: str | None) -> int:
    """Which state of a mapped task's instances speaks for all: one that failed, then one that is not over."""
    return {"success": 0, "skipped": 1, "removed": 0, "failed": 4, "upstream_failed": 3}.get(state or "", 2)
