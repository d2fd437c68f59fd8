"""Timetables of users: asked by an agent, in a process of the environment, for the engine runs no code of theirs.

`Consulting` holds the questions until they are answered, whatever agents come and go. `NextRuns` decides which are to
be asked, and reads the answers. A timetable that fails is an import error of its file and is asked again later; it
holds up no other.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.domain.asked import read_next
from runner.domain.spec import DagSpec
from runner.domain.timetables import Interval
from runner.events import DagsChanged, TimetableAsked
from runner.scheduler.elsewhere import HasBundle
from runner.store import custom_timetables, dags
from runner.store.database import Connection, Database

log = logging.getLogger(__name__)
AGAIN_SECONDS = 60.0
"""How long after no next run, or none that can be used, a timetable is asked again."""
Send = Callable[[int, Message], None]


class Consulting:
    """The questions that are not answered. `send` puts a frame on a link."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._open: dict[str, tuple[TimetableAsked, int | None]] = {}

    def ask(self, asked: TimetableAsked, link: int | None) -> None:
        """Take a question, and hand it over when an agent is connected."""
        self._hand_over(uuid.uuid4().hex, asked, link)

    def take_up(self, link: int) -> None:
        """An agent has said hello: it gets all that no agent has."""
        for identity, (asked, holder) in list(self._open.items()):
            if holder is None:
                self._hand_over(identity, asked, link)

    def let_go(self, link: int) -> None:
        """A link is gone: what it was asked waits for the next."""
        for identity, (asked, holder) in self._open.items():
            if holder == link:
                self._open[identity] = (asked, None)

    def answer(self, message: Message) -> None:
        """Pass on an answer; one that was given already is dropped."""
        asked, _link = self._open.pop(message["id"], (None, None))
        if asked is not None:
            asked.on_answer(message.get("answer"), message.get("error"))

    def _hand_over(self, identity: str, asked: TimetableAsked, link: int | None) -> None:
        self._open[identity] = (asked, link)
        if link is not None:
            where = identity, asked.bundle, asked.file, asked.timeout, asked.dag_id
            self._send(link, messages.ask_timetable(*where, asked.question))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a DAG's timetable was asked last, so that it is not asked the same again at once."""

    version_id: int
    last_parsed: float
    last: Interval | None
    at: float


class NextRuns:
    """Asks timetables for the next run of their DAGs and writes down what they say."""

    def __init__(
        self,
        db: Database,
        timeout: float,
        call: Callable[[Callable[[], None]], None],
        post: Callable[[DagsChanged], None],
    ) -> None:
        """`call` runs something that may wait in another thread; `post` tells the loop."""
        self._db, self.timeout, self._call, self._post = db, timeout, call, post
        self._asked: dict[str, Asked] = {}
        self._asking: dict[str, Asked] = {}
        """Of the turn that is being decided."""
        self._passed: dict[str, Interval] = {}

    def note_passed(self, passed: Mapping[str, Interval]) -> None:
        """These intervals have become runs, or were runs already."""
        self._passed.update(passed)

    def note_asked(self) -> None:
        """The turn is committed: its questions are on their way."""
        self._asked.update(self._asking)
        self._asking = {}

    def list_questions(
        self, conn: Connection, read_spec: Callable[[int], DagSpec], now: float, has_bundle: HasBundle
    ) -> list[TimetableAsked]:
        """The questions to ask once the turn is committed."""
        found = []
        self._asking = {}
        for row in custom_timetables.list_unknown(conn):
            if not has_bundle(row.bundle):
                continue
            last = self._find_last(conn, row.dag_id)
            asked = Asked(row.version_id, row.last_parsed, last, now)
            before = self._asked.get(row.dag_id)
            if before is not None and replace(before, at=now) == asked and now - before.at < AGAIN_SECONDS:
                continue
            self._asking[row.dag_id] = asked
            found.append(self._make(row, read_spec(row.version_id), last))
        return found

    def _find_last(self, conn: Connection, dag_id: str) -> Interval | None:
        """The interval to go on from: that of the newest run, or one passed over since."""
        found, passed = dags.find_last_interval(conn, dag_id), self._passed.get(dag_id)
        return max((item for item in (found, passed) if item is not None), default=None)

    def _make(self, row: Any, spec: DagSpec, last: Interval | None) -> TimetableAsked:
        question = {
            "kind": "next",
            "last": None if last is None else list(last),
            "earliest": spec.first,
            "latest": spec.last,
            "catchup": spec.catchup,
        }
        dag_id, version_id, file = row.dag_id, row.version_id, row.file

        def on_answer(answer: Message | None, error: str | None) -> None:
            self._call(lambda: self._keep(dag_id, version_id, file, last, answer, error))

        return TimetableAsked(dag_id, row.bundle, file, question, self.timeout, on_answer)

    def _keep(
        self,
        dag_id: str,
        version_id: int,
        file: str,
        last: Interval | None,
        answer: Message | None,
        error: str | None,
    ) -> None:
        """Write down what a timetable said; not in the loop's thread."""
        info = None
        try:
            if error is None:
                info = read_next(answer or {}, last)
        except ValueError as problem:
            error = str(problem)
        if error is not None:
            log.error("cannot ask the timetable of %s: %s", dag_id, error.strip().rpartition("\n")[2])
        with self._db.begin() as conn:
            custom_timetables.set_complaint(conn, file, dag_id, error)
            if info is not None:
                custom_timetables.set_next_run(conn, dag_id, version_id, info)
        if info is not None:
            self._post(DagsChanged())
