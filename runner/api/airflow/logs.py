"""Task logs: while the task runs, after it was killed, and out of the object store long after."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import orjson
from airflow._wire.cell import Bucket
from airflow._wire.states import LIVE
from airflow._wire.workload import log_key
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from runner.api.airflow.task_instances import find_row
from runner.api.answers import moment, reply
from runner.api.call import Call
from runner.api.errors import ApiError, not_found
from runner.store.listing_runs import list_tries
from sync.logs import LogNotFound, iter_log
from sync.objects import ObjectStoreError

PAGE = 1024 * 1024
"""Bytes of a log in one answer, unless full_content is asked for."""

_LIVE = {str(state) for state in LIVE}


def get_log(call: Call) -> Response:
    """GET …/taskInstances/{task_id}/logs/{try_number}, as JSON, text or newline-delimited JSON by Accept."""
    query = call.query()
    full = query.flag("full_content", False) is True
    start = _read_token(query.text("token"))
    query.check()
    number = call.number("try_number")
    with call.cell.db.read() as conn:
        row = find_row(call, conn)
        known = {item.try_number for item in list_tries(conn, row.id)} | ({row.try_number} - {0})
    if number not in known:
        raise not_found(f"of task {row.task_id!r} try", number)
    is_live = number == row.try_number and row.state in _LIVE
    accept = call.headers.get("accept", "")
    if "ndjson" in accept:
        stream = stream_events(call, row, number, is_live, start)
        return StreamingResponse(map(_line, stream), media_type="application/x-ndjson")
    if "text/plain" in accept and "json" not in accept:
        return PlainTextResponse("".join(map(_plain, stream_events(call, row, number, is_live, start))))
    events, token = read_events(call, row, number, is_live, start, None if full else PAGE)
    return reply({"content": events, "continuation_token": token})


def refuse_external(call: Call) -> Response:
    """GET …/externalLogUrl/{try_number}: all logs are here."""
    call.number("try_number")
    with call.cell.db.read() as conn:
        find_row(call, conn)
    raise ApiError("invalid", "cannot give an external address: logs are kept by this service")


def read_events(
    call: Call, row: Any, number: int, is_live: bool, start: int, most: int | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Events from `start` on, about `most` bytes of them, and the token for what follows; None at the log's end."""
    events: list[dict[str, Any]] = []
    at = start
    try:
        for line in _lines(_open(call, row, number, start)):
            at += len(line)
            events.append(read_event(line))
            if most is not None and at - start >= most:
                return events, _make_token(at)
    except (LogNotFound, ObjectStoreError) as error:
        return [*events, _explain(call, error, is_live)], _make_token(at) if is_live else None
    return events, _make_token(at) if is_live else None


def stream_events(call: Call, row: Any, number: int, is_live: bool, start: int) -> Iterator[dict[str, Any]]:
    """Every event from `start` on; trouble on the way is the last one."""
    try:
        for line in _lines(_open(call, row, number, start)):
            yield read_event(line)
    except (LogNotFound, ObjectStoreError) as error:
        yield _explain(call, error, is_live)


def read_event(line: bytes) -> dict[str, Any]:
    """One line of a log as Airflow 3 shows it; a line that is not structured is its own event."""
    text = line.rstrip(b"\r\n")
    if text.startswith(b"{"):
        try:
            event = orjson.loads(text)
            if isinstance(event, dict) and isinstance(event.get("event"), str):
                return event
        except orjson.JSONDecodeError:
            pass  # it only looked like one
    return {"event": text.decode("utf-8", errors="replace")}


def _open(call: Call, row: Any, number: int, start: int) -> Iterable[bytes]:
    key = log_key(row.dag_id, row.run_id, row.task_id, row.map_index, number)
    return iter_log(_store_options(call.cell.spec.logs), call.cell.layout.task_logs, key, start)


def _store_options(logs: Bucket) -> dict[str, Any]:
    return asdict(logs)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, each with its newline; the last may be without."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest


def _explain(call: Call, error: Exception, is_live: bool) -> dict[str, Any]:
    """Why there is nothing to read, as an event."""
    if isinstance(error, ObjectStoreError):
        text = f"cannot read this log now: {error}"
    elif call.cell.spec.log_level("TaskLogs") is None:
        text = "There is no log: task logs are disabled in this environment's logging configuration."
    elif is_live:
        text = "There is no log yet: the task has not begun to write."
    else:
        text = "There is no log: this try ended without a process that could write one."
    return {"timestamp": moment(call.cell.clock()), "level": "info", "logger": "aerodrome", "event": text}


def _line(event: dict[str, Any]) -> bytes:
    return orjson.dumps(event) + b"\n"


def _plain(event: dict[str, Any]) -> str:
    """An event as people read it in a terminal."""
    stamp, level = event.get("timestamp"), event.get("level")
    head = f"[{_short(stamp)}] " if isinstance(stamp, str) else ""
    head += f"{str(level).upper()} - " if level else ""
    detail = event.get("error_detail")
    tail = f"\n{detail if isinstance(detail, str) else orjson.dumps(detail).decode()}" if detail else ""
    return f"{head}{event['event']}{tail}\n"


def _short(stamp: str) -> str:
    try:
        return dt.datetime.fromisoformat(stamp).isoformat(timespec="milliseconds")
    except ValueError:
        return stamp


def _make_token(start: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps({"start": start})).decode()


def _read_token(token: str | None) -> int:
    """Where to go on. Raises ApiError (invalid) for a token that is not one of ours."""
    if not token:
        return 0
    try:
        start = orjson.loads(base64.urlsafe_b64decode(token.encode()))["start"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise ApiError(
            "invalid", "cannot use this token: only tokens that this API gave out are valid"
        ) from None
    if not isinstance(start, int) or not 0 <= start < 2**62:
        raise ApiError("invalid", "cannot use this token: only tokens that this API gave out are valid")
    return start
