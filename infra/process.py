"""The process provisioner: a cell is a directory and a few detached processes on this machine.

Processes are started in sessions of their own and outlive whoever started them; who is alive is read from the
role locks, never from memory, so a provisioner that starts anew adopts what runs. It signals a pid only while
the role's lock proves that pid, or while that pid is its own unreaped child.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from functools import partial
from pathlib import Path

from infra.handles import end
from infra.locks import Holder, find_holder
from infra.provisioner import CellPlan, Observed, ProcessSpec

_TAIL = 4000


class ProcessProvisioner:
    """Cells under `root`, one directory each. Safe to call from several threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._children: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        self._holders: dict[tuple[str, str], Holder] = {}
        self._guard = threading.RLock()

    def home(self, name: str) -> Path:
        return self._root / name

    def names(self) -> list[str]:
        if not self._root.is_dir():
            return []
        return sorted(path.name for path in self._root.iterdir() if path.is_dir() and path.name[0] != ".")

    def observe(self, name: str) -> Observed:
        home = self.home(name)
        roles = {path.stem for path in (home / "run").glob("*.lock")}
        with self._guard:
            roles |= {role for cell, role in self._children if cell == name}
            return Observed(home.is_dir(), {role: self._pid(name, role) for role in sorted(roles)})

    def create(self, plan: CellPlan) -> list[str]:
        home = self.home(plan.name)
        for folder in (self._root, home, home / "run", home / "log"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, text in plan.files.items():
            _write_private(home / path, text)
        return self.ensure(plan)

    def ensure(self, plan: CellPlan) -> list[str]:
        with self._guard:
            missing = [spec for spec in plan.processes if self._pid(plan.name, spec.role) is None]
            for spec in missing:
                self._children[plan.name, spec.role] = start_process(self.home(plan.name), spec)
        return [spec.role for spec in missing]

    def resize(self, plan: CellPlan) -> None:
        """Processes of one user have no limits of their own to change."""

    def stop(self, name: str, grace: float, roles: tuple[str, ...] | None = None) -> None:
        roles = tuple(role for role in self.observe(name).processes if roles is None or role in roles)
        end([partial(self._pid, name, role) for role in roles], grace)
        with self._guard:
            for role in roles:
                self._pid(name, role)  # reaps

    def destroy(self, name: str, grace: float) -> None:
        self.stop(name, grace)
        home = self.home(name)
        doomed = home.with_name(f".{name}.deleted")
        if home.is_dir():
            shutil.rmtree(doomed, ignore_errors=True)
            home.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
        with self._guard:
            self._children = {key: child for key, child in self._children.items() if key[0] != name}
            self._holders = {key: holder for key, holder in self._holders.items() if key[0] != name}

    def last_words(self, name: str, role: str) -> str:
        path = _output(self.home(name), role)
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode(errors="replace").strip()

    def _pid(self, name: str, role: str) -> int | None:
        """The living process: the lock's holder, or our own child that has not taken its lock yet."""
        child = self._children.get((name, role))
        starting = child is not None and child.poll() is None  # poll also reaps
        holder = find_holder(self.home(name) / "run" / f"{role}.lock", self._holders.get((name, role)))
        if holder is not None:
            self._holders[name, role] = holder
            return holder.pid
        return child.pid if child is not None and starting else None


def start_process(home: Path, spec: ProcessSpec) -> subprocess.Popen[bytes]:
    """Start one detached process of a home; what it prints goes to log/<role>.out, readable by the owner."""
    output = _output(home, spec.role)
    output.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(_open_private(output), "wb") as sink:
        return subprocess.Popen(
            list(spec.argv),
            env=dict(spec.env),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop_process(home: Path, role: str, grace: float) -> None:
    """End the process that holds a role of this home: TERM, then KILL. None there is no error."""
    lock = home / "run" / f"{role}.lock"

    def find_pid() -> int | None:
        holder = find_holder(lock)
        return holder.pid if holder else None

    end([find_pid], grace)


def _output(home: Path, role: str) -> Path:
    return home / "log" / f"{role}.out"


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    with os.fdopen(_open_private(temporary), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _open_private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
