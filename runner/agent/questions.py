"""What a child asks: passed on to the engine and kept until it answers, or answered here when it is about the log.

Secrets are registered before the child can have seen them, so nothing it writes afterwards shows them.
"""

from __future__ import annotations

from collections.abc import Callable

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.agent import masking
from runner.agent.attempt import Attempt


def ask(attempt: Attempt, question: Message, send: Callable[[Message], None]) -> None:
    """Take a child's question."""
    id, method, params = question["id"], question["method"], question["params"]
    if method == "mask":
        attempt.log.masker.add(params["values"])
        _tell(attempt, messages.answer(id))
        return
    attempt.asks[id] = messages.request(attempt.id, id, method, params)
    send(attempt.asks[id])


def answer(attempt: Attempt, reply: Message) -> None:
    """Give the engine's reply to the child that waits for it; a second one is dropped."""
    question = attempt.asks.pop(reply["id"], None)
    if question is None:
        return
    attempt.log.masker.add(masking.secrets_in_answer(question, reply.get("result")))
    _tell(attempt, messages.answer(reply["id"], reply.get("result"), reply.get("error")))


def _tell(attempt: Attempt, message: Message) -> None:
    if attempt.stream is not None:
        attempt.stream.send(message)
