"""What a DAG file asks while it is imported (variables, connections), and whether the answers still hold later.

A file zygote imports a file once for many tasks. Each task's process asks again what the import asked; when an answer
has changed it imports the file anew, so a task never sees a variable as it was before.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow._task import comms as comms_module
from airflow._wire.messages import digest_answer

READING = frozenset({"get_variable", "get_connection"})
Answer = tuple[str, dict[str, Any], Any]


class Asker:
    """Comms that notes what was read through it. `answers`: method, parameters, answer."""

    def __init__(self, comms: Any) -> None:
        self._comms = comms
        self.answers: list[Answer] = []

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        answer = self._comms.ask(method, params)
        if method in READING:
            self.answers.append((method, params, answer))
        return answer


def describe(answers: Iterable[Answer]) -> dict[str, str]:
    """What was asked, with digests of the answers: see `messages.parse_result`."""
    return {
        f"{method}:{next(iter(params.values()))}": digest_answer(answer) for method, params, answer in answers
    }


@contextmanager
def asking(comms: Any) -> Iterator[Asker]:
    """Have Variable and Connection ask through `comms` inside the block."""
    asker, before = Asker(comms), comms_module.current()
    comms_module.set_current(asker)
    try:
        yield asker
    finally:
        comms_module.set_current(before)


def still_hold(answers: Iterable[Answer], comms: Any) -> bool:
    """Whether the same questions have the same answers now. Raises CommsError."""
    return all(comms.ask(method, params) == answer for method, params, answer in answers)


def forget_modules(bundle_path: str) -> None:
    """Have everything of the snapshot imported anew; libraries stay."""
    root = f"{bundle_path.rstrip('/')}/"
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.startswith(root):
            del sys.modules[name]
