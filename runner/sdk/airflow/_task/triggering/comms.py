"""How triggers ask: many at a time over one connection, from the loop or from threads."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any

from airflow._task.comms import CommsError
from airflow._wire import messages
from airflow._wire.frames import Message

running: ContextVar[str] = ContextVar("airflow_trigger", default="")
"""The trigger whose code runs; threads that it starts with asyncio.to_thread have it as well."""


class TriggerComms:
    """`ask` waits for its answer. In the loop it holds up all triggers for that long, a few milliseconds."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._open: dict[int, Future[Message]] = {}

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The answer. Raises CommsError."""
        number, future = next(self._numbers), Future[Message]()
        self._open[number] = future
        self._send(messages.trigger_ask(running.get(), number, method, params))
        answer = future.result()
        error = answer.get("error")
        if error:
            raise CommsError(error.get("code", "invalid"), error.get("message", ""))
        return answer.get("result")

    def resolve(self, answer: Message) -> None:
        """Give an answer to whoever waits for it; from the thread that reads."""
        future = self._open.pop(answer["id"], None)
        if future is not None:
            future.set_result(answer)

    def close(self) -> None:
        """Nobody answers any more."""
        for number in list(self._open):
            error = {"code": "closed", "message": "cannot ask: the agent has closed the connection"}
            self.resolve(messages.answer(number, error=error))
