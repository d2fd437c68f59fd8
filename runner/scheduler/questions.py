"""Children's questions: answered by the API's handler in a few threads, so that the loop never waits for them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.events import Answered
from runner.scheduler.instances import Task

log = logging.getLogger(__name__)
_CODES = ("not_found", "exists", "stale", "invalid", "unavailable")


@dataclass(frozen=True, slots=True)
class AttemptInfo:
    """Who asks: a live attempt."""

    attempt: str
    task_instance: int
    run: int
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int


Handler = Callable[[AttemptInfo, str, dict[str, Any]], Any]
"""Answers one question. LookupError is `not_found`, ValueError `invalid`; an error with a `code` keeps it."""


class Questions:
    """The threads that answer. `post` hands the reply back to the loop."""

    def __init__(self, handler: Handler, post: Callable[[Answered], None], threads: int = 4) -> None:
        self._handler = handler
        self._post = post
        self._pool = ThreadPoolExecutor(threads, "answers")

    def ask(self, link: int, info: AttemptInfo | None, message: Message) -> None:
        """Answer a question that came over a link; one of an attempt that is not live any more is refused."""
        if info is None:
            error = {"code": "stale", "message": "cannot answer: this attempt is not the live one any more"}
            self._post(Answered(link, messages.reply(message["attempt"], message["id"], error=error)))
            return
        self._pool.submit(self._answer, link, info, message)

    def call(self, function: Callable[[], None]) -> None:
        """Run something that is not a question in one of the threads."""
        self._pool.submit(_call_and_log, function)

    def close(self) -> None:
        """Let the answers under way end; no new ones begin."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _answer(self, link: int, info: AttemptInfo, message: Message) -> None:
        attempt, identity = message["attempt"], message["id"]
        try:
            result = self._handler(info, message["method"], message["params"])
            reply = messages.reply(attempt, identity, result)
        except Exception as error:  # whatever goes wrong, the child gets its one reply
            reply = messages.reply(attempt, identity, error=_describe_error(error, message["method"]))
        self._post(Answered(link, reply))


def nobody(id: str) -> AttemptInfo:
    """Who asks for a trigger or an import that belongs to no task: it may read what any task may, and has no XComs."""
    return AttemptInfo(id, 0, 0, "", "", "", -1, 0)


def refuse(_info: AttemptInfo, method: str, _params: dict[str, Any]) -> Any:
    """The handler of a scheduler that has no API: nothing can be asked."""
    raise LookupError(f"cannot answer {method}: this engine has no API")


def describe_asker(task: Task) -> AttemptInfo:
    """Who asks, when a task does."""
    row = task.run.row
    return AttemptInfo(
        task.attempt or "",
        task.id,
        row.id,
        row.dag_id,
        row.run_id,
        task.spec.task_id,
        task.map_index,
        task.try_number,
    )


def _describe_error(error: Exception, method: str) -> Message:
    code = getattr(error, "code", None)
    if code not in _CODES:
        code = {LookupError: "not_found", ValueError: "invalid"}.get(_family(error), "unavailable")
    if code == "unavailable":
        log.error("cannot answer %s", method, exc_info=error)
    return {"code": code, "message": str(error) or type(error).__name__}


def _family(error: Exception) -> type[Exception]:
    return next((kind for kind in (LookupError, ValueError) if isinstance(error, kind)), Exception)


def _call_and_log(function: Callable[[], None]) -> None:
    try:
        function()
    except Exception:
        log.exception("cannot pass on a parse result")
