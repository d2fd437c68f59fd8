"""How a child asks its agent: one question at a time, each answered or refused."""

from __future__ import annotations

import threading
from typing import Any

from airflow._wire import messages
from airflow._wire.frames import Channel
from airflow.exceptions import AirflowException


class CommsError(AirflowException):
    """The question was refused (not_found, stale, invalid, unavailable) or nobody is there to answer (closed)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Comms:
    """Questions over a channel, usable from several threads of the task."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._last = 0

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The agent's answer. Raises CommsError."""
        with self._lock:
            self._last += 1
            self._channel.send(messages.ask(self._last, method, params))
            answer = self._wait(self._last, method)
        error = answer.get("error")
        if error:
            raise CommsError(error.get("code", "invalid"), error.get("message", ""))
        return answer.get("result")

    def _wait(self, number: int, method: str) -> dict[str, Any]:
        """The answer of that number; what answers an older, interrupted question is passed over."""
        while True:
            received = self._channel.receive()
            if received is None:
                raise CommsError("closed", f"cannot ask {method!r}: the agent has closed the connection")
            message, _ = received
            if message.get("kind") == "answer" and message.get("id") == number:
                return message


class _Current:
    """The connection of this process, if it has one. Set once, right after the fork."""

    comms: Any = None


def current() -> Any:
    """The Comms of this process, or None outside of a task."""
    return _Current.comms


def set_current(comms: Any) -> None:
    """From now on Variable, Connection, XCom and the task instance ask through `comms`."""
    _Current.comms = comms


def required(what: str) -> Any:
    """The Comms of this process. Raises AirflowException naming what needs it."""
    comms = current()
    if comms is None:
        raise AirflowException(f"cannot {what} outside of a running task")
    return comms
