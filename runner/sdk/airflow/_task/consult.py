"""Asking a timetable of the user's own: in a child that has imported its DAG file, as the engine cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow._task.load import load_file
from airflow._task.timeouts import time_limit
from airflow._task.tracebacks import text
from airflow._wire import encoding
from airflow._wire.frames import Message
from airflow.configuration import conf
from airflow.exceptions import AirflowTimetableInvalid
from airflow.models.dagrun import as_pendulum
from airflow.timetables.base import DataInterval, TimeRestriction, Timetable


def consult(bundle_path: str, file: str, dag_id: str, question: Message) -> Message:
    """{"answer", "error"}: see `messages.ask_timetable`. Never raises; the error is as the user should read it."""
    limit = conf.getfloat("core", "dagbag_import_timeout")
    try:
        with time_limit(
            limit, f"cannot ask the timetable of {dag_id}: it took longer than {limit:g} seconds"
        ):
            dags = load_file(str(Path(bundle_path) / file), bundle_path)
            if dag_id not in dags:
                raise AirflowTimetableInvalid(f"cannot ask the timetable of {dag_id}: {file} has no such DAG")
            return {"answer": ask(dags[dag_id].timetable, question), "error": None}
    except BaseException as problem:
        return {"answer": None, "error": text(problem)}


def ask(timetable: Timetable, question: Message) -> Message:
    """The timetable's answer as times. Raises what it raises, AirflowTimetableInvalid for what is no answer."""
    asked = getattr(timetable, "timetable", timetable)
    table = revive(asked)
    if question["kind"] == "manual":
        return _span(table.infer_manual_data_interval(run_after=as_pendulum(question["run_after"])))
    limits = as_pendulum(question["earliest"]), as_pendulum(question["latest"])
    if question["kind"] == "range":
        return {"runs": _list_runs(asked, TimeRestriction(*limits, True), question["most"])}
    last = question["last"]
    info = table.next_dagrun_info(
        last_automated_data_interval=None if last is None else DataInterval(*map(as_pendulum, last)),
        restriction=TimeRestriction(*limits, question["catchup"]),
    )
    return {} if info is None else _describe(info)


def _list_runs(timetable: Timetable, restriction: TimeRestriction, most: int) -> list[Message]:
    """All runs of a time, one after the other; one more than `most` says that there are too many."""
    found: list[Message] = []
    last = None
    while len(found) <= most:
        table = revive(timetable)
        info = table.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        if info is None:
            break
        found.append(_describe(info))
        last = info.data_interval or DataInterval.exact(info.run_after)
    return found


def _describe(info: Any) -> Message:
    return {"run_after": _seconds(info.run_after), **_span(info.data_interval)}


def revive(timetable: Timetable) -> Timetable:
    """A timetable that can be made anew is, from its data: it has no memory from one question to the next."""
    if type(timetable).deserialize.__func__ is Timetable.deserialize.__func__:  # type: ignore[attr-defined]
        return timetable
    data = encoding.from_plain(encoding.to_plain(timetable.serialize(), "the timetable's data"))
    return type(timetable).deserialize(data)


def _span(interval: Any) -> Message:
    if interval is None:
        return {"start": None, "end": None}
    return {"start": _seconds(interval.start), "end": _seconds(interval.end)}


def _seconds(at: Any) -> float:
    if getattr(at, "tzinfo", None) is None:
        raise AirflowTimetableInvalid(
            f"cannot use {at!r} of a timetable as a time: it must be a datetime with a zone"
        )
    return float(at.timestamp())
