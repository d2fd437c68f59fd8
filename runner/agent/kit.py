"""What starts user code by one revision of the cell's spec: zygotes, parser, launcher.

A new revision gets a kit of its own. The former one takes no more work, finishes what it has, and goes with its last
process: nothing is killed. While a kit lives it holds its interpreter and plugins (a shared lock on `<folder>.use`),
so that nobody takes them away.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from airflow._wire.cell import CellSpec
from airflow._wire.components import SCHEDULER
from airflow._wire.defaults import IMPORT_SECONDS
from airflow._wire.frames import Message
from airflow._wire.layout import Layout
from airflow._wire.reload import CODE

from runner.agent import interpreter
from runner.agent.file_zygote import FileZygote, Where
from runner.agent.importing import ImportQuestions
from runner.agent.launching import Launcher
from runner.agent.loop import Loop
from runner.agent.parsing import Parser
from runner.agent.zygotes import Zygotes

_LOOK_SECONDS = 0.5


class Attempts(Protocol):
    """Who is told what becomes of attempts; the supervisor."""

    def zygote_ready(self, attempts: list[str], zygote: FileZygote) -> None: ...
    def zygote_unsafe(self, attempts: list[str], reason: str) -> None: ...
    def zygote_broken(self, attempts: list[str], reason: str, error: str | None) -> None: ...
    def zygote_died(self, attempts: list[str]) -> None: ...
    def child_forked(self, id: str, pid: int) -> None: ...
    def child_exited(self, id: str, status: int) -> None: ...


class Kit:
    """One set of processes. `level`: at which task logs are kept, None for not at all."""

    def __init__(
        self, loop: Loop, layout: Layout, spec: CellSpec, outer: Mapping[str, str], attempts: Attempts,
        send: Callable[[Message], None], on_end: Callable[[], None], imports: ImportQuestions,
        list_expected: Callable[[], set[Where]],
    ) -> None:  # fmt: skip
        """`list_expected`: the files whose tasks wait for a trigger: their zygotes stay."""
        self._loop, self._attempts, self.spec = loop, attempts, spec
        self.level = spec.log_level("TaskLogs")
        self._closed = False
        self._uses = [_hold(folder) for folder in list_folders(spec)]
        work = layout.work
        worker = interpreter.of_spec(spec, work, outer)
        self.scheduler = interpreter.of_spec(spec, work, outer, SCHEDULER)
        self.settings: Message = {
            "log_level": self.level or "INFO",
            "airflow_version": spec.airflow_version,
            "environment": spec.environment,
            "config": spec.config,
        }
        self.launcher = Launcher(loop, worker, layout.bundle, self.settings)
        limit = spec.number("core", "dagbag_import_timeout", IMPORT_SECONDS)
        zygote_log = layout.own_logs / "zygote.log"
        prefix = f"{spec.revision}-"
        self.zygotes = Zygotes(
            loop, worker, self, layout.bundle, zygote_log, limit, imports, list_expected, prefix,
        )  # fmt: skip
        self.parser = Parser(
            loop, self.zygotes.base, layout.bundle, send, on_end, imports,
            variables=interpreter.list_differences(worker, self.scheduler), prefix=prefix,
        )  # fmt: skip

    def start(self) -> None:
        self.zygotes.base.start()

    def list_zygotes(self) -> list[Message]:
        """For the heartbeat."""
        rows: list[Message] = [
            {"role": "zygote", "pid": pid, "about": about}
            for about, pid in (("base", self.zygotes.base.pid), ("parse", self.parser.zygote_pid()))
            if pid is not None
        ]
        files = self.zygotes.list_files()
        return rows + [{"role": "zygote", "pid": pid, "about": file} for pid, file in files]

    def sessions(self) -> set[int]:
        """The sessions whose processes are no strays."""
        own = {pid for pid, _file in self.zygotes.list_files()} | self.parser.sessions()
        return own | {pid for pid in (self.zygotes.base.pid,) if pid is not None}

    @property
    def is_gone(self) -> bool:
        """Whether it has ended and so has its last process."""
        return self._closed and self.zygotes.base.pid is None

    def retire(self, is_used: Callable[[Kit], bool]) -> None:
        """Take no more work. When nothing of it is left, nor `is_used` elsewhere, its processes end."""
        self.zygotes.retire()
        if self.zygotes.is_empty and self.parser.is_idle and not is_used(self):
            self.close()
        elif not self._closed:
            self._loop.after(_LOOK_SECONDS, lambda: self.retire(is_used))

    def close(self) -> None:
        """End its processes."""
        self._closed = True
        self.zygotes.close()
        for descriptor in self._uses:
            os.close(descriptor)
        self._uses = []

    # ---- what its zygotes tell (zygotes.Owner)

    def base_ready(self) -> None:
        self.parser.pump()

    def base_hopeless(self, reason: str) -> None:
        self.parser.fail_all(reason)

    def zygote_ready(self, attempts: list[str], zygote: FileZygote) -> None:
        self._attempts.zygote_ready(attempts, zygote)

    def zygote_unsafe(self, attempts: list[str], reason: str) -> None:
        self._attempts.zygote_unsafe(attempts, reason)

    def zygote_broken(self, attempts: list[str], reason: str, error: str | None) -> None:
        self._attempts.zygote_broken(attempts, reason, error)

    def zygote_died(self, attempts: list[str]) -> None:
        self._attempts.zygote_died(attempts)

    def child_forked(self, id: str, pid: int) -> None:
        if id.startswith("p"):  # attempts are hexadecimal
            self.parser.child_forked(id, pid)
        else:
            self._attempts.child_forked(id, pid)

    def child_exited(self, id: str, status: int) -> None:
        self._attempts.child_exited(id, status)


def needs_another(old: CellSpec, new: CellSpec) -> bool:
    """Whether user code must be started otherwise by the new spec."""
    names = (*CODE, "account", "environment", "identity")
    changed = any(getattr(old, name) != getattr(new, name) for name in names)
    return changed or old.log_level("TaskLogs") != new.log_level("TaskLogs")


def list_folders(spec: CellSpec) -> list[Path]:
    """The folders that a kit needs for as long as it lives."""
    venv = Path(spec.python).parent.parent
    return [venv, Path(spec.plugins)] if spec.plugins else [venv]


def _hold(folder: Path) -> int:
    """A shared lock on `<folder>.use`. Where there is none to be had, nobody collects that folder."""
    try:
        descriptor = os.open(f"{folder}.use", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor
