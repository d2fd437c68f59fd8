"""A task's log: what it logs becomes marked JSON lines on descriptor 1, what it prints stays as it is."""

from __future__ import annotations

import logging
import os
import sys

from airflow._wire.jsonlog import JsonFormatter

MARK = "\x1e"
"""Begins a line that is one of ours; the agent keeps its level and logger."""


class PipeHandler(logging.Handler):
    """Writes each record whole, in order with what was printed before."""

    def __init__(self, fd: int = 1) -> None:
        super().__init__()
        self.fd = fd
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            flush()
            data = f"{MARK}{self.format(record)}\n".encode()
            while data:
                data = data[os.write(self.fd, data) :]
        except Exception:
            self.handleError(record)


def configure(level: str = "INFO", fd: int = 1) -> None:
    """Send the root logger's records to `fd` and make prints visible line by line."""
    root = logging.getLogger()
    if logging.getLevelName(root.level) != level:
        root.setLevel(level)
    now = root.handlers[0] if len(root.handlers) == 1 else None
    if type(now) is PipeHandler and now.fd == fd:
        return  # a zygote has done the rest before it forked
    root.handlers[:] = [PipeHandler(fd)]
    logging.captureWarnings(True)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True, errors="backslashreplace")


def flush() -> None:
    """Push out what was printed and not yet written."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
