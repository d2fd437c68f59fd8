"""Our own log lines: one JSON object a line, in Airflow 3's shape (timestamp, level, event, logger, fields)."""

from __future__ import annotations

import datetime as dt
import json
import logging
from pathlib import Path
from typing import Any

MOST_BYTES = 16 << 20
"""Size at which a local log file is set aside; one such file is kept."""
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A record as one line; `extra=` fields become members, an exception becomes `error_detail`."""

    def format(self, record: logging.LogRecord) -> str:
        return line(
            record.created,
            record.levelname.lower(),
            record.getMessage(),
            record.name,
            **{key: value for key, value in vars(record).items() if key not in _PLAIN},
            **({"error_detail": self.formatException(record.exc_info)} if record.exc_info else {}),
        )


def line(at: float, level: str, event: str, logger: str, **fields: Any) -> str:
    """One log line without its newline. `at` is epoch seconds."""
    stamp = dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="microseconds")
    record = {"timestamp": stamp, "level": level, "event": event, "logger": logger, **fields}
    return _encode(record)


def configure(path: Path | None, level: str = "INFO", most_bytes: int = MOST_BYTES) -> None:
    """Send this process's log lines to a file (appended), or to standard error when `path` is None.

    The file never takes more than twice `most_bytes`: a full one becomes `<name>.1`.
    """
    handler = logging.StreamHandler() if path is None else _open_file(path, most_bytes)
    handler.setFormatter(JsonFormatter())
    handler.setLevel(level)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _open_file(path: Path, most_bytes: int) -> logging.Handler:
    from logging.handlers import RotatingFileHandler  # only who keeps a file pays for it

    return RotatingFileHandler(
        path, maxBytes=most_bytes, backupCount=1, encoding="utf-8", delay=True, errors="backslashreplace"
    )
