"""`self.log` for any class, and streams that are logs."""

from __future__ import annotations

import logging
import re
from typing import Any, ClassVar

_COLOURS = re.compile(r"\x1B(?:[@-Z\\-_]|\[[0-?]*[ -/]*[@-~])")


class LoggingMixin:
    """Gives a class a logger of its own name, or of the one it says in `_log_config_logger_name`/`_logger_name`."""

    _log_config_logger_name: ClassVar[str | None] = None
    _logger_name: str | None = None

    def __init__(self, context: Any = None) -> None:
        """`context` is of earlier generations; a task's log knows where it belongs."""

    @property
    def log(self) -> logging.Logger:
        own = self._logger_name or f"{type(self).__module__}.{type(self).__name__}"
        prefix = self._log_config_logger_name
        return logging.getLogger(f"{prefix}.{own}" if prefix else own)

    @property
    def logger(self) -> logging.Logger:
        return self.log


class StreamLogWriter:
    """A stream whose lines are log records."""

    encoding: ClassVar[None] = None
    closed: ClassVar[bool] = False

    def __init__(self, logger: Any, level: int) -> None:
        self.logger, self.level, self._begun = logger, level, ""

    def write(self, message: str) -> None:
        """Log every line that is complete."""
        *lines, self._begun = (self._begun + message).split("\n")
        for line in lines:
            self._put(line)

    def flush(self) -> None:
        """Log what has been begun."""
        begun, self._begun = self._begun, ""
        self._put(begun)

    def isatty(self) -> bool:
        return False

    def close(self) -> None:
        self.flush()

    def _put(self, line: str) -> None:
        if line.strip():
            self.logger.log(self.level, remove_escape_codes(line.rstrip()))


def remove_escape_codes(text: str) -> str:
    """Without the codes that colour a terminal."""
    return _COLOURS.sub("", text)


def set_context(logger: Any, value: Any) -> None:
    """Earlier generations told handlers the task; here a task's log is its own pipe."""
