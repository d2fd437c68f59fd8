"""What DAG files ask while they are imported, by parse children and file zygotes: passed on to the engine.

Invariant: one answer for each question, as long as who asked is there. Questions wait for an engine that is away; the
import's own time limit bounds that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.agent import masking

METHODS = frozenset({"get_variable", "get_connection", "set_variable", "delete_variable"})
"""The rest is about runs, and an import belongs to none."""
MOST_OPEN = 100
"""Of one import, which has as many threads that wait; more is no honest question."""


Learn = Callable[[list[str]], object]


def _forget(_secrets: list[str]) -> None:
    """Of an import whose output nobody keeps."""


@dataclass(frozen=True, slots=True)
class _Open:
    request: Message
    tell: Callable[[Message], object]
    learn: Learn


class ImportQuestions:
    """The open ones, by who asked and number."""

    def __init__(self, send: Callable[[Message], object]) -> None:
        self._send = send
        self._open: dict[str, dict[int, _Open]] = {}

    def ask(
        self, asker: str, question: Message, tell: Callable[[Message], object], learn: Learn = _forget
    ) -> None:
        """Pass a question on; `tell` gets the `answer` message, `learn` what nobody may see in a log from then on."""
        id, method = question["id"], question["method"]
        if method == "mask":
            learn(list(question["params"]["values"]))
            tell(messages.answer(id))
        elif method not in METHODS:
            error = f"cannot {method.replace('_', ' ')} while a DAG file is imported: that is for tasks"
            tell(messages.answer(id, error={"code": "unavailable", "message": error}))
        elif len(questions := self._open.setdefault(asker, {})) < MOST_OPEN:
            request = messages.request(messages.IMPORT + asker, id, method, question["params"])
            questions[id] = _Open(request, tell, learn)
            self._send(request)

    def reply(self, message: Message) -> bool:
        """Give the engine's reply to who asked; False when it is for somebody else."""
        if not message["attempt"].startswith(messages.IMPORT):
            return False
        found = self._open.get(message["attempt"].removeprefix(messages.IMPORT), {}).pop(message["id"], None)
        if found is not None:
            found.learn(masking.secrets_in_answer(found.request, message.get("result")))
            found.tell(messages.answer(message["id"], message.get("result"), message.get("error")))
        return True

    def forget(self, asker: str) -> None:
        """It is gone, or has all it wanted."""
        self._open.pop(asker, None)

    def resend(self) -> None:
        """Ask a new engine what the one before did not answer."""
        for questions in self._open.values():
            for question in questions.values():
                self._send(question.request)
