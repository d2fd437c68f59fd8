"""The process provisioner: a cell is a directory and a few detached processes on this machine.

Processes are started in sessions of their own and outlive whoever started them; who is alive is read from the
role locks, never from memory, so a provisioner that starts anew adopts what runs. It signals a pid only while
the role's lock proves that pid, or while that pid is its own unreaped child.
"""

from __future__ import annotations

import os
import subprocess
import threading
from functools import partial
from pathlib import Path

from infra.accounts import TASK_USER, Account, Accounts, demote, find_setpriv
from infra.handles import end
from infra.homes import Homes, open_private
from infra.locks import Holder, find_holder
from infra.provisioner import CellPlan, Observed, ProcessSpec

_TAIL = 4000


class ProcessProvisioner:
    """Cells under `root`, one directory each. Safe to call from several threads."""

    def __init__(self, root: Path, accounts: Accounts | None = None) -> None:
        """With `accounts`, which takes root, every cell's processes run as users of its own."""
        self._homes = Homes(root, accounts)
        self._children: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        self._holders: dict[tuple[str, str], Holder] = {}
        self._guard = threading.RLock()

    def home(self, name: str) -> Path:
        return self._homes.path(name)

    def names(self) -> list[str]:
        return self._homes.names()

    def observe(self, name: str) -> Observed:
        home = self.home(name)
        roles = {path.stem for path in (home / "run").glob("*.lock")}
        with self._guard:
            roles |= {role for cell, role in self._children if cell == name}
            return Observed(home.is_dir(), {role: self._pid(name, role) for role in sorted(roles)})

    def create(self, plan: CellPlan) -> list[str]:
        self._homes.make(plan.name, plan.files)
        return self.ensure(plan)

    def ensure(self, plan: CellPlan) -> list[str]:
        with self._guard:
            missing = [spec for spec in plan.processes if self._pid(plan.name, spec.role) is None]
            account = self._homes.find_account(plan.name)
            for spec in missing:
                self._children[plan.name, spec.role] = start_process(self.home(plan.name), spec, account)
        return [spec.role for spec in missing]

    def resize(self, plan: CellPlan) -> None:
        """Processes of one user have no limits of their own to change."""

    def renew(self, name: str) -> None:
        """Processes are started from the code that there is."""

    def stop(self, name: str, grace: float, roles: tuple[str, ...] | None = None) -> None:
        roles = tuple(role for role in self.observe(name).processes if roles is None or role in roles)
        end([partial(self._pid, name, role) for role in roles], grace)
        with self._guard:
            for role in roles:
                self._pid(name, role)  # reaps

    def destroy(self, name: str, grace: float) -> None:
        self.stop(name, grace)
        self._homes.remove(name)
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


def start_process(home: Path, spec: ProcessSpec, account: Account | None = None) -> subprocess.Popen[bytes]:
    """Start one detached process of a home, as its user. What it prints goes to log/<role>.out, which is private."""
    output = _output(home, spec.role)
    output.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    argv, env = spec.argv, dict(spec.env)
    if account is not None:
        argv = demote(argv, account, runs_user_code=spec.runs_user_code, setpriv=find_setpriv() or "setpriv")
        env |= {"HOME": str(home), **({TASK_USER: str(account.task)} if spec.runs_user_code else {})}
    with os.fdopen(open_private(output, account), "wb") as sink:
        return subprocess.Popen(
            list(argv),
            env=env,
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
