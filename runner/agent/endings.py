"""How attempts end, in words: pure functions from an exit status or a finish to an outcome and a last log line."""

from __future__ import annotations

import os
import signal
from typing import Any

from airflow._wire import jsonlog, messages
from airflow._wire.frames import Message

LOGGER = "aerodrome.agent"
_FIELDS = ("reason", "retry", "xcoms", "until", "details")


def describe_status(status: int) -> str:
    """A wait status as people say it: why a process is gone that left no word."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        cause = "; out of memory is the usual cause" if number == signal.SIGKILL else ""
        return f"killed by {name_signal(number)}{cause}"
    return f"its process exited with code {os.WEXITSTATUS(status)} before it could report"


def describe_slow_import(limit: float) -> str:
    """Why a DAG file's import was ended, in the words of the import's own time-out."""
    return f"it took longer than {limit:g} seconds"


def name_signal(number: int) -> str:
    """SIGKILL and so on."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def exit_facts(status: int | None) -> dict[str, int]:
    """exit_code or signal of a wait status."""
    if status is None:
        return {}
    return (
        {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"exit_code": os.WEXITSTATUS(status)}
    )


def outcome_of_finish(finish: Message, started_at: float | None, ended_at: float) -> Message:
    """The outcome that a child's own last word says."""
    fields = {key: finish[key] for key in _FIELDS if finish.get(key) is not None}
    began = finish.get("started_at") or started_at
    return messages.outcome(str(finish["state"]), started_at=began, ended_at=ended_at, **fields)


def outcome_of_failure(reason: str, started_at: float | None, ended_at: float, **facts: Any) -> Message:
    """The outcome of an attempt that someone else has to speak for."""
    return messages.outcome("failed", started_at=started_at, ended_at=ended_at, reason=reason, **facts)


def last_line(outcome: Message, status: int | None) -> bytes:
    """The line that every attempt's log ends with."""
    state = outcome["state"]
    fields: dict[str, Any] = {"state": state}
    if outcome.get("reason"):
        fields["reason"] = outcome["reason"]
    facts = exit_facts(status)
    if "signal" in facts:
        fields["signal"] = name_signal(facts["signal"])
    elif "exit_code" in facts:
        fields["exit_code"] = facts["exit_code"]
    if outcome.get("started_at"):
        fields["duration"] = round(outcome["ended_at"] - outcome["started_at"], 6)
    detail = outcome.get("details", {}).get("import_error")
    if detail:
        fields["error_detail"] = detail
    failed = state == "failed"
    event = "Task failed" if failed else "Task finished"
    return (
        jsonlog.line(outcome["ended_at"], "error" if failed else "info", event, LOGGER, **fields).encode()
        + b"\n"
    )
