"""The processes that fork: one base zygote, and a file zygote for each DAG file in use.

Invariants: a file zygote is evicted only while it has no children; attempts wait here while their file is imported,
and each leaves by exactly one call on the owner. In use is also a file whose tasks wait for triggers, for as long as
they wait: what an event resumes has no time for an import.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from airflow._wire import messages
from airflow._wire.frames import Message

from runner.agent import endings, kernel
from runner.agent.base import BaseZygote
from runner.agent.file_zygote import IDLE_SECONDS, FileZygote, Where, list_stale
from runner.agent.importing import ImportQuestions
from runner.agent.interpreter import Interpreter
from runner.agent.loop import Loop
from runner.agent.stream import Stream

MOST_FILES = 32
SPARE_SECONDS = 30.0
REST_SECONDS = 0.02
"""From the end of a file's work to the first spare that is laid in, and from each to the next."""
MOST_SPARES = 32
"""All files together lay in no more."""
_PLENTY = 0.2
"""Of all the memory there is: none is laid in unless so much of it is free."""
OPENINGS = 3


class Owner(Protocol):
    """Who is told what becomes of attempts."""

    def zygote_ready(self, attempts: list[str], zygote: FileZygote) -> None: ...
    def zygote_unsafe(self, attempts: list[str], reason: str) -> None: ...
    def zygote_broken(self, attempts: list[str], reason: str, error: str | None) -> None: ...
    def zygote_died(self, attempts: list[str]) -> None: ...
    def child_forked(self, id: str, pid: int) -> None: ...
    def child_exited(self, id: str, status: int) -> None: ...
    def base_ready(self) -> None: ...
    def base_hopeless(self, reason: str) -> None: ...


class Zygotes:
    """All zygotes of the cell."""

    def __init__(
        self, loop: Loop, interpreter: Interpreter, owner: Owner, bundle_path: Callable[[str], Path],
        output: Path, import_limit: float, imports: ImportQuestions, list_expected: Callable[[], set[Where]],
        prefix: str = "",
    ) -> None:  # fmt: skip
        """`prefix`: of the ids of file zygotes; they are unique in the agent."""
        self._imports, self._list_expected, self._prefix = imports, list_expected, prefix
        self._loop, self._owner = loop, owner
        self._bundle_path, self._import_limit = bundle_path, import_limit
        self._files: dict[Where, FileZygote] = {}
        self._by_id: dict[str, FileZygote] = {}
        self._unsafe: dict[Where, str] = {}
        self._numbers = itertools.count(1)
        self.base = BaseZygote(loop, interpreter, self, output)
        self.newest_bundle: str | None = None
        self._evicting = loop.after(IDLE_SECONDS / 10, self._evict_idle)

    # ---- attempts

    def place(self, attempt: str, bundle: str, file: str) -> None:
        """Have the owner told when the file can be forked, or why it cannot."""
        key = bundle, file
        if key in self._unsafe:
            self._owner.zygote_unsafe([attempt], self._unsafe[key])
            return
        zygote = self._files.get(key)
        if zygote is None:
            self._make_room()
            zygote = FileZygote(f"z{self._prefix}{next(self._numbers)}", bundle, file)
            self._files[key] = self._by_id[zygote.id] = zygote
        zygote.used = time.monotonic()
        if zygote.ready:
            self._owner.zygote_ready([attempt], zygote)
            return
        zygote.waiting.append(attempt)
        if zygote.stream is None and self.base.ready:
            self._open(zygote)

    def withdraw(self, attempt: str) -> None:
        """The attempt waits no more."""
        for zygote in self._files.values():
            if attempt in zygote.waiting:
                zygote.waiting.remove(attempt)

    def list_files(self) -> list[tuple[int, str]]:
        """Pid and file of every file zygote."""
        return [(zygote.pid, zygote.file) for zygote in self._files.values() if zygote.pid is not None]

    # ---- the end of their time

    def retire(self) -> None:
        """Another set takes the work: what is idle goes, what runs or waits is finished here."""
        for zygote in list(self._files.values()):
            if zygote.ready and not zygote.children and not zygote.waiting:
                self._drop(zygote)

    @property
    def is_empty(self) -> bool:
        """Whether no attempt is in it."""
        return not self._files

    def close(self) -> None:
        """End every process."""
        self._evicting.cancel()
        self.base.stop()

    # ---- the base zygote (base.BaseOwner)

    def base_said(self, message: Message) -> None:
        """A process that it forked has started or ended: a file zygote, or the parse zygote."""
        kind, zygote = message["kind"], self._by_id.get(message["attempt"])
        if zygote is None and kind == "forked":
            self._owner.child_forked(message["attempt"], message["pid"])
        elif zygote is None:
            return  # the parse zygote has ended, as the end of its socket tells
        elif kind == "forked":
            zygote.pid = message["pid"]
        else:
            self._file_exited(zygote, message["status"])

    def base_ready(self) -> None:
        for zygote in list(self._files.values()):
            if zygote.stream is None:
                self._open(zygote)
        self._owner.base_ready()

    def base_died(self) -> None:
        self._by_id = {zygote.id: zygote for zygote in self._files.values()}
        for zygote in [zygote for zygote in self._files.values() if not zygote.ready]:
            self._interrupt_import(zygote)

    def base_hopeless(self, reason: str) -> None:
        for zygote in [zygote for zygote in self._files.values() if zygote.stream is None]:
            self._drop(zygote)
            self._owner.zygote_broken(_take(zygote), reason, None)
        self._owner.base_hopeless(reason)

    # ---- file zygotes

    def _open(self, zygote: FileZygote) -> None:
        zygote.openings += 1
        ours, its = socket.socketpair()
        zygote.stream = Stream(
            self._loop,
            ours,
            lambda m: self._on_file_message(zygote, m),
            lambda _reason: self._on_file_close(zygote),
        )
        zygote.deadline = self._loop.after(self._import_limit, lambda: self._import_too_slow(zygote))
        self.base.ask(messages.open_file(zygote.id, str(self._bundle_path(zygote.bundle)), zygote.file), its)

    def _on_file_message(self, zygote: FileZygote, message: Message) -> None:
        kind = message["kind"]
        zygote.used = time.monotonic()
        if kind == "forked":
            attempt = zygote.spares.note_forked(message["attempt"], message["pid"])
            if attempt is not None:
                self._owner.child_forked(attempt, message["pid"])
        elif kind == "exited":
            attempt = zygote.spares.note_exited(message["attempt"])
            if attempt is not None:
                zygote.children.discard(attempt)
                self._owner.child_exited(attempt, message["status"])
                self._rest(zygote)
        elif kind == "ask" and zygote.stream is not None:
            self._imports.ask(zygote.id, message, zygote.stream.send, zygote.secrets.extend)
        elif kind == "ready" and message["unsafe"]:
            self._unsafe[zygote.bundle, zygote.file] = message["unsafe"]
            self._drop(zygote)
            self._owner.zygote_unsafe(_take(zygote), message["unsafe"])
        elif kind == "ready":
            _cancel(zygote)
            zygote.ready = True
            self._owner.zygote_ready(_take(zygote), zygote)
        elif kind == "broken":
            self._drop(zygote)
            last = message["error"].rstrip().rpartition("\n")[2]
            self._owner.zygote_broken(_take(zygote), f"cannot import {zygote.file}: {last}", message["error"])

    def abandon(self, zygote: FileZygote) -> None:
        """It is gone: its children die with it, and the next attempt opens the file again."""
        self._drop(zygote)
        children, zygote.children = sorted(zygote.children), set()
        self._owner.zygote_died(children)

    def _on_file_close(self, zygote: FileZygote) -> None:
        zygote.stream = None
        self._imports.forget(zygote.id)
        if zygote.ready:
            self.abandon(zygote)

    def _file_exited(self, zygote: FileZygote, status: int) -> None:
        del self._by_id[zygote.id]
        if self._files.get((zygote.bundle, zygote.file)) is not zygote or zygote.ready:
            return
        self._drop(zygote)
        why = zygote.trouble or f"the import ended its process: {endings.describe_status(status)}"
        self._owner.zygote_broken(_take(zygote), f"cannot import {zygote.file}: {why}", None)

    def _interrupt_import(self, zygote: FileZygote) -> None:
        """The base zygote died, and with it this one, which had run no task: open it again, within reason."""
        _cancel(zygote)
        if zygote.stream is not None:
            zygote.stream.close()
        zygote.stream = zygote.pid = None
        if zygote.openings >= OPENINGS:
            self._drop(zygote)
            why = "the base zygote died every time it was imported"
            self._owner.zygote_broken(_take(zygote), f"cannot import {zygote.file}: {why}", None)

    def _import_too_slow(self, zygote: FileZygote) -> None:
        zygote.trouble = endings.describe_slow_import(self._import_limit)
        if zygote.pid is not None:
            kernel.kill_session(zygote.pid)

    def _drop(self, zygote: FileZygote) -> None:
        """Forget a zygote; one that still lives ends when its socket closes, or is made to."""
        _cancel(zygote)
        zygote.spares.lose()
        if self._files.get((zygote.bundle, zygote.file)) is zygote:
            del self._files[zygote.bundle, zygote.file]
        if zygote.stream is not None:
            zygote.stream.close()
            zygote.stream = None
        if zygote.pid is None:
            self._by_id.pop(zygote.id, None)

    # ---- spares

    def _rest(self, zygote: FileZygote) -> None:
        """When it has no work, see to its spares a little later."""
        if zygote.rest is None and zygote.is_idle:
            zygote.rest = self._loop.after(REST_SECONDS, lambda: self._lay_in(zygote))

    def _lay_in(self, zygote: FileZygote) -> None:
        """One more spare, and soon the next: whatever else there is to do comes first."""
        zygote.rest = None
        if not zygote.is_idle or zygote.stream is None:
            return
        zygote.spares.rest()
        if len(zygote.spares) < zygote.spares.enough and self._has_room_for_spares():
            zygote.keep_spares(self._loop, zygote.spares.enough)
            self._rest(zygote)

    def _has_room_for_spares(self) -> bool:
        """Whether there may be one more, and memory for it."""
        free = kernel.find_free_memory()
        count = sum(len(zygote.spares) for zygote in self._files.values())
        return count < MOST_SPARES and (free is None or free[0] > free[1] * _PLENTY)

    # ---- bounds

    def _make_room(self) -> None:
        """Keep to the bound as far as zygotes are idle: those of superseded snapshots go first, then the oldest."""
        idle = [zygote for zygote in self._files.values() if zygote.is_idle]
        idle.sort(key=lambda z: (z.bundle == self.newest_bundle, z.used))
        for zygote in idle[: max(0, len(self._files) - MOST_FILES + 1)]:
            self._drop(zygote)

    def _evict_idle(self) -> None:
        self._evicting = self._loop.after(IDLE_SECONDS / 10, self._evict_idle)
        now = time.monotonic()
        for zygote in self._files.values():
            if zygote.used < now - SPARE_SECONDS:
                zygote.spares.lose()
        for zygote in list_stale(self._files.values(), self.newest_bundle, self._list_expected(), now):
            self._drop(zygote)


def _take(zygote: FileZygote) -> list[str]:
    waiting, zygote.waiting = zygote.waiting, []
    return waiting


def _cancel(zygote: FileZygote) -> None:
    if zygote.deadline is not None:
        zygote.deadline.cancel()
        zygote.deadline = None
