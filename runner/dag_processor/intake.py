"""From a new snapshot to DAGs that can be seen and run. One thread; the mirror and the scheduler only leave messages.

    mirror --snapshot--> [queue] --> ask the scheduler to parse, a few files at a time
    scheduler --parsed-> [queue] --> one short transaction for all answers that have arrived
    all answered -----------------> the snapshot is the active one; bundles nobody needs are removed

A newer snapshot takes over at once: answers for an older one are dropped, and only a few are ever on their way.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from airflow._wire.cell import CellSpec
from airflow._wire.defaults import IMPORT_SECONDS
from airflow._wire.reload import digest_code

from runner.dag_processor.asked import Asked, Look, list_names
from runner.dag_processor.choosing import SURROUNDINGS, list_candidates, may_hold_dags, to_parse
from runner.dag_processor.recording import Parsed, Rules, record, record_fault
from runner.dag_processor.refusing import describe_refused
from runner.events import DagsChanged, Event
from runner.store import dag_files
from runner.store.bundles import activate, list_needed
from runner.store.dag_files import replace_refused
from runner.store.dags import drop_files
from runner.store.database import Database
from sync.snapshot import Snapshot

_WINDOW = 64
"""Files that are being parsed at once: enough to keep agents busy, few enough to change our mind."""
_BATCH = 64
"""Answers in one transaction."""
_GATHER_SECONDS = 0.25
"""How long to gather a batch while many files are waiting: every transaction makes the scheduler look, too."""
_KEEP_SECONDS = 300.0
_RETRY_SECONDS = 1.0
_LOOK_SECONDS = 5.0
"""How often variables and connections are compared that some DAG file read while it was imported."""
_log = logging.getLogger("aerodrome.dag_processor")


class Parser(Protocol):
    """What is needed of the scheduler."""

    def parse(
        self, bundle: str, files: list[str], timeout: float, on_parsed: Callable[[str, dict[str, Any]], None]
    ) -> None: ...

    def post(self, event: Event) -> None: ...


@dataclass(slots=True)
class _Turn:
    """The snapshot that is being taken in."""

    snapshot: Snapshot
    surroundings: str
    number: int = field(default_factory=itertools.count(1).__next__)
    """Answers to what an earlier turn asked are not for this one."""
    waiting: list[str] = field(default_factory=list)
    """Not asked for yet; the last is next."""
    asked: set[str] = field(default_factory=set)
    gone: list[str] = field(default_factory=list)

    @property
    def pending(self) -> set[str]:
        return self.asked | set(self.waiting)


@dataclass(frozen=True, slots=True)
class _Refused:
    keys: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    turn: int
    file: str
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _NewSpec:
    spec: CellSpec


@dataclass(frozen=True, slots=True)
class _LookAgain:
    """It is time to look at what files asked."""


_Message = Snapshot | _Refused | _Answer | _LookAgain | _NewSpec | None


class Intake:
    """`on_snapshot` may be called from any thread and returns at once; `start` and `stop` frame its life."""

    def __init__(
        self,
        spec: CellSpec,
        db: Database,
        parser: Parser,
        clock: Callable[[], float],
        collect: Callable[[set[str], float], object],
        look: Look,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        """`collect(keep, older_than)` removes bundles: `Mirror.collect`. `look`: what files ask while imported."""
        self._asked = Asked(look)
        self._look_seconds = look_seconds
        self._snapshot: Snapshot | None = None
        self._db = db
        self._parser = parser
        self._clock = clock
        self._collect = collect
        self._apply(spec)
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._told: tuple[tuple[str, str], ...] | None = None
        self._turn: _Turn | None = None
        self._without_dags: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="dag-processor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End the thread. What was not taken in yet is taken in by the next start."""
        self._inbox.put(None)
        self._thread.join(timeout)

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Take in a complete snapshot; the newest wins."""
        self._inbox.put(snapshot)

    def on_refused(self, keys: tuple[tuple[str, str], ...]) -> None:
        """Keys that make no file, of one look at the bucket; only a change is news. One thread calls this."""
        if keys != self._told:
            self._told = keys
            self._inbox.put(_Refused(keys))

    def take_up(self, spec: CellSpec) -> None:
        """The cell's spec was replaced: files are parsed again when they may mean something else by it."""
        self._inbox.put(_NewSpec(spec))

    def _apply(self, spec: CellSpec) -> None:
        self._syntax = spec.option(
            "core", "dag_ignore_file_syntax", "glob" if spec.generation >= 3 else "regexp"
        )
        self._safe_mode = spec.flag("core", "dag_discovery_safe_mode", True)
        self._paused = spec.flag("core", "dags_are_paused_at_creation", True)
        self._timeout = spec.number("core", "dagbag_import_timeout", IMPORT_SECONDS)
        self._bucket = spec.source.bucket
        self._surroundings = digest_code(spec)

    def _run(self) -> None:
        messages: list[_Message] = []
        while True:
            messages = self._take(messages)
            if None in messages:
                return
            try:
                self._handle(messages)
                messages = []
            except Exception:
                _log.exception("cannot take in a snapshot; trying again in %s s", _RETRY_SECONDS)
                threading.Event().wait(_RETRY_SECONDS)
                messages = [self._turn.snapshot] if self._turn is not None else messages

    def _take(self, left: list[_Message]) -> list[_Message]:
        """Everything that has arrived, at least one message; in a large turn what arrives soon after, too."""
        messages = left or [self._wait()]
        is_large = self._turn is not None and len(self._turn.waiting) > _BATCH
        until = time.monotonic() + (_GATHER_SECONDS if is_large else 0.0)
        while len(messages) < _BATCH:
            try:
                messages.append(self._inbox.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        return messages

    def _wait(self) -> _Message:
        """The next message; one that asks to look at variables when there is none for long and some file read any."""
        patience = self._look_seconds if self._asked and self._turn is None else None
        try:
            return self._inbox.get(timeout=patience)
        except queue.Empty:
            return _LookAgain()

    def _look_again(self) -> None:
        """Parse what would be answered otherwise now."""
        if self._turn is None and self._snapshot is not None:
            changed = [file for file in self._asked.list_changed() if file in self._snapshot.files]
            if changed:
                self._turn = _Turn(self._snapshot, self._surroundings, waiting=list(reversed(changed)))

    def _handle(self, messages: list[_Message]) -> None:
        snapshots = [message for message in messages if isinstance(message, Snapshot)]
        snapshots += self._take_up([message.spec for message in messages if isinstance(message, _NewSpec)])
        if snapshots:
            self._begin(snapshots[-1])
        elif any(isinstance(message, _LookAgain) for message in messages):
            self._look_again()
        self._record_refused([message for message in messages if isinstance(message, _Refused)])
        if self._turn is None:
            return
        self._record(self._turn, [message for message in messages if isinstance(message, _Answer)])
        self._ask(self._turn)
        if not self._turn.asked:
            self._finish(self._turn)
            self._turn = None

    def _take_up(self, specs: list[CellSpec]) -> list[Snapshot]:
        """Go by the newest; the snapshot that is to be looked at again because of it."""
        if not specs:
            return []
        self._apply(specs[-1])
        return [self._snapshot] if self._snapshot is not None else []

    def _record_refused(self, told: list[_Refused]) -> None:
        """Make the import errors those of the last look. A fault holds no snapshot up: the next look tells again."""
        if not told:
            return
        errors = describe_refused(self._bucket, told[-1].keys)
        try:
            with self._db.begin() as conn:
                new = replace_refused(conn, errors, self._clock())
        except Exception:
            _log.exception("cannot record %d refused objects", len(errors))
            self._told = None
            return
        for name in new:
            _log.warning(errors[name])

    def _begin(self, snapshot: Snapshot) -> None:
        """Find out what the snapshot asks for."""
        self._turn = _Turn(snapshot, self._surroundings)
        self._snapshot = snapshot
        read = partial(_read, snapshot.path)
        candidates, problems = list_candidates(snapshot.files, read, self._syntax)
        for problem in problems:
            _log.warning(problem)
        with self._db.read() as conn:
            known = dag_files.list_all(conn)
        if self._safe_mode:
            candidates = [path for path in candidates if path in known or self._may_hold_dags(snapshot, path)]
            candidates = [path for path in candidates if snapshot.files[path] not in self._without_dags]
        work = to_parse(known, {**snapshot.files, SURROUNDINGS: self._surroundings}, candidates)
        waiting = list(reversed(work.parse))
        self._turn = _Turn(snapshot, self._surroundings, waiting=waiting, gone=work.gone)
        self._asked.forget(work.gone)
        if work.gone:
            with self._db.begin() as conn:
                drop_files(conn, work.gone)
                dag_files.delete_dag_files(conn, work.gone)
            self._parser.post(DagsChanged())

    def _may_hold_dags(self, snapshot: Snapshot, path: str) -> bool:
        digest = snapshot.files[path]
        if digest in self._without_dags:
            return False
        if may_hold_dags(_read(snapshot.path, path)):
            return True
        self._without_dags.add(digest)
        return False

    def _ask(self, turn: _Turn) -> None:
        """Keep the window full."""
        files = [turn.waiting.pop() for _ in range(min(_WINDOW - len(turn.asked), len(turn.waiting)))]
        if files:
            turn.asked.update(files)
            bundle = turn.snapshot.digest
            self._parser.parse(bundle, files, self._timeout, partial(self._leave, turn.number))

    def _leave(self, turn: int, file: str, result: dict[str, Any]) -> None:
        """Called in the scheduler's thread, which must not wait."""
        self._inbox.put(_Answer(turn, file, result))

    def _record(self, turn: _Turn, answers: list[_Answer]) -> None:
        """Write the answers for this snapshot in one transaction."""
        fresh = [answer for answer in answers if answer.turn == turn.number and answer.file in turn.asked]
        if not fresh:
            return
        files = {answer.file for answer in fresh}
        rules = Rules(turn.pending - files, self._clock(), self._paused)
        parsed = [_read_answer(turn, answer) for answer in fresh]
        for answer in fresh:
            self._asked.note(answer.file, answer.result.get("asked") or {})
        try:
            with self._db.begin() as conn:
                changed = record(conn, turn.snapshot.digest, parsed, rules)
        except Exception:
            _log.exception("cannot record %s answers together; trying one by one", len(parsed))
            changed = self._record_singly(turn, parsed, rules)
        turn.asked -= files
        if changed:
            self._parser.post(DagsChanged())

    def _record_singly(self, turn: _Turn, answers: list[Parsed], rules: Rules) -> list[str]:
        """An answer that cannot be written becomes its file's error and holds up no other."""
        changed: list[str] = []
        bundle = turn.snapshot.digest
        for position, parsed in enumerate(answers):
            left = {item.file for item in answers[position + 1 :]}
            try:
                with self._db.begin() as conn:
                    changed += record(conn, bundle, [parsed], replace(rules, pending={*rules.pending, *left}))
            except Exception as fault:
                with self._db.begin() as conn:
                    record_fault(conn, bundle, parsed, fault, rules.now)
        return changed

    def _finish(self, turn: _Turn) -> None:
        """Make the snapshot the active one, and let go of bundles that nobody needs."""
        now = self._clock()
        with self._db.begin() as conn:
            activate(conn, turn.snapshot.digest, len(turn.snapshot.files), now)
            needed = list_needed(conn)
        self._parser.post(DagsChanged())
        self._collect(needed, now - _KEEP_SECONDS)


def _read_answer(turn: _Turn, answer: _Answer) -> Parsed:
    files = turn.snapshot.files
    named = [name for name in answer.result.get("modules") or [] if isinstance(name, str)]
    modules = {name: files[name] for name in named if name in files and name != answer.file}
    modules |= list_names(answer.result.get("asked") or {}) | {SURROUNDINGS: turn.surroundings}
    return Parsed(answer.file, files[answer.file], modules, answer.result)


def _read(root: Path, path: str) -> bytes:
    return (root / path).read_bytes()
