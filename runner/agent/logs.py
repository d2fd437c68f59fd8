"""An attempt's log: what comes through its pipe becomes lines of JSON, masked, bounded, and ended by the agent.

A line that begins with RECORD is a record of the child's own logging; every other line is what it printed.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any, Protocol

from airflow._wire import jsonlog

from runner.agent.masking import Masker

log = logging.getLogger("aerodrome.agent.logs")

RECORD = 0x1E
LINE_LIMIT = 64 * 1024
SIZE_LIMIT = 100 * 1024 * 1024
_LEVELS = {"trace": 5, "debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50, "fatal": 50}


class LogStore(Protocol):
    """Where log lines go: on disk at once, in the object store soon after."""

    def append(self, key: str, data: bytes) -> None: ...

    def close(self, key: str) -> None: ...


class AttemptLog:
    """Turns the bytes of one attempt into lines in the store. `level` None: the log is disabled."""

    def __init__(self, store: LogStore, key: str, level: str | None) -> None:
        self.masker = Masker()
        self._store, self._key = store, key
        self._level = _LEVELS.get((level or "info").lower(), 20)
        self._disabled = level is None
        self._rest = b""
        self._size = 0
        self._full = False

    def feed(self, data: bytes) -> None:
        """Take what the attempt wrote, cut anywhere."""
        if not self._disabled:
            self._put(b"".join(self._lines(data)))

    def end(self, last_line: bytes) -> None:
        """Write the rest and the reason of the end; nothing follows."""
        if self._disabled:
            return
        rest, self._rest = self._rest, b""
        if rest:
            self._put(self._line(rest))
        if self.masker:
            last_line = (
                json.dumps(self.masker.value(json.loads(last_line)), ensure_ascii=False).encode() + b"\n"
            )
        try:
            self._store.append(self._key, last_line)
            self._store.close(self._key)
        except OSError as error:
            log.error("cannot write the end of %s: %s", self._key, error)

    def _put(self, data: bytes) -> None:
        if not data or self._full:
            return
        room = SIZE_LIMIT - self._size
        if len(data) > room:
            self._full = True
            marker = jsonlog.line(
                time.time(),
                "warning",
                f"The log is longer than {SIZE_LIMIT} bytes; the rest is left out",
                "task",
            )
            data = data[: data.rfind(b"\n", 0, room) + 1] + marker.encode() + b"\n"
        self._size += len(data)
        try:
            self._store.append(self._key, data)
        except OSError as error:
            log.error("cannot write to %s, which goes on without its log: %s", self._key, error)
            self._full = True

    def _lines(self, data: bytes) -> Iterator[bytes]:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line:
                yield from self._pieces(line)
        hold = LINE_LIMIT + self.masker.longest
        while len(self._rest) > hold:
            cut = self._cut(self._rest)
            yield self._line(self._rest[:cut])
            self._rest = self._rest[cut:]

    def _pieces(self, line: bytes) -> Iterator[bytes]:
        while len(line) > LINE_LIMIT + self.masker.longest:
            cut = self._cut(line)
            yield self._line(line[:cut])
            line = line[cut:]
        yield self._line(line)

    def _cut(self, line: bytes) -> int:
        """Where to cut a long line: not within a secret, nor within a character."""
        cut = LINE_LIMIT
        while line[cut] & 0xC0 == 0x80:
            cut -= 1
        return self.masker.cut_before(line, cut)

    def _line(self, line: bytes) -> bytes:
        if line[0] == RECORD:
            record = self._record(line[1:])
            if record is not None:
                return record
        if self._level > _LEVELS["info"]:
            return b""
        text = self.masker.text(line.decode("utf-8", "replace").rstrip("\r"))
        return jsonlog.line(time.time(), "info", text, "task.stdout").encode() + b"\n"

    def _record(self, line: bytes) -> bytes | None:
        """A record as it goes to the log: empty when its level is not kept, None when it is none."""
        try:
            record: Any = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(record, dict) or not _has_shape(record):
            return None
        if _LEVELS.get(record["level"].lower(), 20) < self._level:
            return b""
        if not self.masker and line.isascii():
            return line + b"\n"  # as it came: of a task without secrets, and so of most
        return json.dumps(self.masker.value(record), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _has_shape(record: dict[str, Any]) -> bool:
    return all(isinstance(record.get(key), str) for key in ("timestamp", "level", "event"))
