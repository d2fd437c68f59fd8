"""Errors as the user should read them: their own files and lines, without our frames."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

_SDK = str(Path(__file__).parent.parent)


def is_ours(filename: str) -> bool:
    """Whether a frame of this file says nothing to the author of a DAG."""
    return filename.startswith(("<frozen importlib", _SDK))


def clean(error: BaseException) -> BaseException:
    """`error` with our frames cut out of its traceback, and of its causes'."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        current.__traceback__ = _without_ours(current.__traceback__)
        pending += [current.__cause__, current.__context__]
    return error


def text(error: BaseException) -> str:
    """The traceback as text, cleaned; the file and line of a syntax error included."""
    said = "".join(traceback.format_exception(clean(error))).rstrip("\n")
    more = _hint(error)
    return f"{said}\n{more}" if more else said


def _hint(error: BaseException) -> str | None:
    """What to do about it, where we know: a provider package that is missing."""
    if not isinstance(error, ImportError):
        return None
    from airflow._names.packages import hint

    return hint(error)


def one_line(error: BaseException) -> str:
    """`Type: message` on one line, for people."""
    words = " ".join(str(error).split())
    name = type(error).__name__
    return f"{name}: {words}"[:1000] if words else name


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    if trace is None:
        return None
    rest = _without_ours(trace.tb_next)
    if is_ours(trace.tb_frame.f_code.co_filename):
        return rest
    return TracebackType(rest, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
