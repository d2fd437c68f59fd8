"""Frames out of the triggerer: put from any thread, written by one, so that the loop never waits for a full socket."""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
from collections.abc import Callable

from airflow._task.logs import MARK
from airflow._task.triggering.comms import running
from airflow._wire import frames, messages
from airflow._wire.frames import FrameError, Message
from airflow._wire.jsonlog import JsonFormatter

_MOST = 256 * 1024


class Outlet:
    """Frames in order, as many at once as there are."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="outlet", daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        """Send it soon. Raises FrameError for one that is too large."""
        self._queue.put(frames.encode(message))

    def close(self, timeout: float) -> None:
        """Write what is there and end."""
        self._queue.put(None)
        self._thread.join(timeout)

    def _write(self) -> None:
        data: bytes | None = b""
        try:
            while data is not None:
                data, parts = self._queue.get(), []
                while data is not None:
                    parts.append(data)
                    if self._queue.empty() or sum(map(len, parts)) > _MOST:
                        break
                    data = self._queue.get()
                self._sock.sendall(b"".join(parts))
        except OSError:
            return  # the agent is gone, as the reading side notices too


class TriggerLog(logging.Handler):
    """Sends what a trigger logs to the log of the task that waits; what nobody in particular logs to stderr."""

    def __init__(self, send: Callable[[Message], None], has_log: Callable[[str], bool]) -> None:
        super().__init__()
        self._send, self._has_log = send, has_log
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        trigger = record.__dict__.get("trigger") or running.get()
        try:
            line = self.format(record)
            if trigger and self._has_log(trigger):
                self._send(messages.trigger_log(trigger, f"{MARK}{line}\n"))
            else:
                os.write(2, f"{line}\n".encode())
        except FrameError:
            os.write(2, b"cannot pass on a line of a trigger's log: it is too long\n")
        except Exception:
            self.handleError(record)
