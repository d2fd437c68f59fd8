"""Parse jobs: handed to an agent, handed over again when it comes back, their results passed on as they come."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.events import ParseAsked

Send = Callable[[int, Message], None]


@dataclass(slots=True)
class Job:
    """What is still to be parsed of one request, and by which link."""

    asked: ParseAsked
    left: set[str]
    link: int | None = None


class Parsing:
    """The jobs that are not finished. `send` puts a frame on a link."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._jobs: dict[str, Job] = {}

    def ask(self, asked: ParseAsked, link: int | None) -> None:
        """Take a request, and hand it over when an agent is connected."""
        identity = uuid.uuid4().hex
        self._jobs[identity] = Job(asked, set(asked.files))
        if link is not None:
            self._hand_over(identity, link)

    def take_up(self, link: int) -> None:
        """An agent has said hello: it gets all that no agent works on."""
        for identity, job in self._jobs.items():
            if job.link is None:
                self._hand_over(identity, link)

    def let_go(self, link: int) -> None:
        """A link is gone: what it had to parse waits for the next."""
        for job in self._jobs.values():
            if job.link == link:
                job.link = None

    def find_answer(self, message: Message) -> Callable[[], None] | None:
        """What to call with a result; None when the file was answered already."""
        job = self._jobs.get(message["id"])
        file: str = message["file"]
        if job is None or file not in job.left:
            return None
        job.left.discard(file)
        if not job.left:
            del self._jobs[message["id"]]
        result: dict[str, Any] = message["result"]
        return lambda: job.asked.on_parsed(file, result)

    def _hand_over(self, identity: str, link: int) -> None:
        job = self._jobs[identity]
        job.link = link
        asked = job.asked
        files = [file for file in asked.files if file in job.left]
        self._send(link, messages.parse(identity, asked.bundle, files, asked.timeout))
