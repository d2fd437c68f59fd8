"""The local side of task logs: bytes go to files that stay until the object store has all of them.

One thread appends (the agent's), another ships; the lock is held for moments only. A log that meets a full
disk or a full spool goes on without the bytes that found no room, and says so in a line when there is room
again.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sync.free_files import FreeFiles, rewrite
from sync.log_files import find_local, local_path, remove_empty_folders

_OPEN_FILES = 64
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC


@dataclass(slots=True, eq=False)
class Log:
    """One log as it is on its way. `shipped <= written` are bytes of the local file."""

    key: str
    path: Path
    written: int
    shipped: int = 0
    parts: int | None = None
    """Parts that the store holds; None: not known, because the file is older than this process."""
    since: float = 0.0
    """When the oldest byte that is not shipped was written (monotonic)."""
    closed: bool = False
    dropped: int = 0
    """Bytes that found no room and are not yet accounted for in the log itself."""
    failures: int = 0
    continues: bool = False
    """The store holds an earlier log of this key, whose file is gone: only there is the log whole."""

    @property
    def pending(self) -> int:
        return self.written - self.shipped


class Spool:
    """The local logs of one cell."""

    def __init__(self, directory: Path, cap_bytes: int, mark_dropped: Callable[[int], bytes]) -> None:
        self.directory = directory
        self._free = FreeFiles(directory / ".free")
        self.pending = 0
        self.last_write = 0.0
        self._cap = cap_bytes
        self._mark_dropped = mark_dropped
        self._logs: dict[str, Log] = {}
        self._unshipped: dict[str, Log] = {}
        self._finished: deque[tuple[float, Log]] = deque()
        self._files: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def append(self, key: str, data: bytes) -> None:
        """Add to a log. Never raises for want of room."""
        with self._lock:
            log = self._logs.get(key) or self._add(key, local_path(self.directory, key))
            log.closed = False
            self.last_write = now = time.monotonic()
            if log.written == log.shipped:
                log.since = now
            if log.dropped and not self._account(log):
                log.dropped += len(data)
                return
            room = self._cap - self.pending >= len(data)
            log.dropped += len(data) - (self._write(log, data) if room else 0)

    def close(self, key: str) -> None:
        """No more will be written, as far as is known; a later `append` opens the log again."""
        with self._lock:
            log = self._logs.get(key)
            if log is None:
                return
            if log.dropped:
                self._account(log)
            log.closed = True
            self._close_file(key)
            self._note_finished(log)

    def find_leftovers(self) -> None:
        """Take up the files of an earlier process, as closed logs."""
        for key, path in find_local(self.directory):
            with self._lock:
                if key not in self._logs:
                    log = self._add(key, path)
                    log.closed = True
                    self._note_finished(log)

    def list_unshipped(self) -> list[Log]:
        return list(self._unshipped.values())

    @property
    def has_finished(self) -> bool:
        """Whether files wait for their removal."""
        return bool(self._finished)

    def read(self, log: Log, start: int, size: int) -> bytes:
        """Bytes of the local file, for shipping."""
        with log.path.open("rb", buffering=0) as file:
            file.seek(start)
            return file.read(size)

    def confirm(self, log: Log, shipped: int, parts: int, until: float) -> None:
        """The store holds the first `shipped` bytes; what came after them was written after `until`."""
        with self._lock:
            self.pending -= shipped - log.shipped
            log.shipped, log.parts, log.since, log.failures = shipped, parts, until, 0
            if not log.pending:
                self._unshipped.pop(log.key, None)
                self._note_finished(log)

    def release_finished(self, keep: float, now: float) -> None:
        """Forget the logs of which the store has all since `keep` seconds, and their files."""
        for _ in range(len(self._finished)):
            if now - self._finished[0][0] < keep:
                return
            log = self._finished.popleft()[1]
            with self._lock:
                self._release(log, now)

    def _note_finished(self, log: Log) -> None:
        if log.closed and not log.pending:
            if log.continues:
                self._finished.appendleft((-math.inf, log))
            else:
                self._finished.append((time.monotonic(), log))

    def _release(self, log: Log, now: float) -> None:
        """Unless it has come to life meanwhile; what it lost is told first."""
        if self._logs.get(log.key) is not log or not log.closed or log.pending:
            return
        if log.dropped:
            if not self._account(log):
                self._finished.append((now, log))
            return
        del self._logs[log.key]
        self._close_file(log.key)
        self._free.give(log.path)
        remove_empty_folders(self.directory, log.path)

    def forget(self, log: Log) -> None:
        """The local file was taken away under us: nothing is left to ship."""
        with self._lock:
            self.pending -= log.pending
            self._close_file(log.key)
            self._logs.pop(log.key, None)
            self._unshipped.pop(log.key, None)

    def close_files(self) -> None:
        with self._lock:
            for key in list(self._files):
                self._close_file(key)

    def _add(self, key: str, path: Path) -> Log:
        try:
            written = path.stat().st_size
        except FileNotFoundError:
            written = 0
        log = Log(key, path, written, parts=None if written else 0, since=time.monotonic())
        self.pending += written
        self._logs[key] = log
        if written:
            self._unshipped[key] = log
        return log

    def _account(self, log: Log) -> bool:
        """Write the line that says how much is missing; False when there is no room for it either."""
        line = self._mark_dropped(log.dropped)
        if self._write(log, line) == len(line):
            log.dropped = 0
            return True
        return False

    def _write(self, log: Log, data: bytes) -> int:
        try:
            file = self._find_file(log)
            count = self._begin(log, data) if file is None else os.write(file, data)
        except OSError:  # no space, quota, an I/O error: counted as dropped by the caller
            return 0
        log.written += count
        self.pending += count
        self._unshipped[log.key] = log
        return count

    def _find_file(self, log: Log) -> int | None:
        """The open file of a log; None when it has none yet."""
        file = self._files.get(log.key)
        if file is not None:
            self._files.move_to_end(log.key)
        elif log.written:
            with contextlib.suppress(FileNotFoundError):
                file = self._keep_open(log, os.open(log.path, _APPEND))
        return file

    def _begin(self, log: Log, data: bytes) -> int:
        """A log's first bytes, in a file of its own; how many found room."""
        try:
            return self._make(log, data)
        except FileNotFoundError:
            log.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            return self._make(log, data)

    def _make(self, log: Log, data: bytes) -> int:
        """Raises FileNotFoundError when the folder is not there. A file has its new bytes before its new name."""
        free = self._free.take()
        if free is None:
            return os.write(self._keep_open(log, os.open(log.path, _APPEND | os.O_CREAT, 0o640)), data)
        file = os.open(free, os.O_WRONLY | os.O_CLOEXEC)
        try:
            count = rewrite(file, data)
            os.rename(free, log.path)  # noqa: PTH104 - done for every attempt
        except OSError:
            os.close(file)
            self._free.give(free)
            raise
        self._keep_open(log, file)
        return count

    def _keep_open(self, log: Log, file: int) -> int:
        if len(self._files) >= _OPEN_FILES:
            os.close(self._files.popitem(last=False)[1])
        self._files[log.key] = file
        return file

    def _close_file(self, key: str) -> None:
        file = self._files.pop(key, None)
        if file is not None:
            os.close(file)
