"""Questions of processes that import a DAG file: what is at its top level may want a variable or a connection.

They belong to no attempt: the engine answers them under a name of their own, to whoever asks. A process that is gone
needs no answer any more.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from airflow._wire import messages
from airflow._wire.frames import Message
from airflow._wire.messages import IMPORTING

from runner.agent import masking
from runner.agent.stream import Stream

Learn = Callable[[list[str]], None]
"""Called with what must not be seen in the logs of tasks that run with what was imported."""


@dataclass(frozen=True, slots=True)
class Open:
    """A question without an answer yet."""

    request: Message
    stream: Stream
    learn: Learn


class Imports:
    """The open questions of one agent. `send` reaches the engine, when there is one."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._open: dict[str, Open] = {}

    def ask(self, question: Message, stream: Stream, learn: Learn) -> None:
        """Take a question; the answer goes into the stream it came from."""
        if question["method"] == "mask":
            learn(list(question["params"]["values"]))
            stream.send(messages.answer(question["id"]))
            return
        name = f"{IMPORTING}{next(self._numbers)}"
        request = messages.request(name, question["id"], question["method"], question["params"])
        self._open[name] = Open(request, stream, learn)
        self._send(request)

    def reply(self, message: Message) -> bool:
        """Whether it answers one of these questions."""
        if not str(message["attempt"]).startswith(IMPORTING):
            return False
        asked = self._open.pop(message["attempt"], None)
        if asked is not None and not asked.stream.closed:
            asked.learn(masking.secrets_in_answer(asked.request, message.get("result")))
            asked.stream.send(messages.answer(message["id"], message.get("result"), message.get("error")))
        return True

    def resend(self) -> None:
        """A new engine knows nothing of what the last one was asked."""
        self._open = {name: asked for name, asked in self._open.items() if not asked.stream.closed}
        for asked in self._open.values():
            self._send(asked.request)


def answer_alone(question: Message, stream: Stream, _learn: Learn) -> None:
    """What is answered where there is no engine: there is no such thing."""
    stream.send(messages.answer(question["id"], {"found": False, "value": None}))
