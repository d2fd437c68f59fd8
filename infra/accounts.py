"""Users of the operating system for cells, so that one cell's code cannot touch another's.

A cell has two: `uid` for its engine and agent, and the next number for what its owner's code runs as. Both are in
the second one's group, which is how bundles can be read by tasks while the database and the keys cannot. Nothing
is written down: who owns a cell's home is who it belongs to, and a number is free when it owns no home.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TASK_USER = "AERODROME_TASK_USER"
"""In the environment of a process that runs user code: the number that it has to run it as."""
_POWERS = ("setuid", "setgid", "kill")
"""What becoming the task user, and ending what runs as it, takes. They do not reach user code."""
_CLOSED = 0o710
"""Tasks may pass through a home; what is theirs to read says so itself."""


class NoAccount(RuntimeError):
    """There is no user for one more cell."""


@dataclass(frozen=True, slots=True)
class Account:
    """The two users of one cell."""

    uid: int

    @property
    def task(self) -> int:
        """The user, and the group, of user code."""
        return self.uid + 1


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers that belong to nobody else on this machine: `first` and `last` included."""

    first: int
    last: int

    @property
    def builder(self) -> Account:
        """Who installs what environments require: a package's build is its author's code."""
        return Account(self.first)

    def pairs(self) -> range:
        return range(self.first + 2, self.last, 2)


class Accounts:
    """Which cell below `root` has which account. One per service; only root can use it."""

    def __init__(self, root: Path, numbers: Range) -> None:
        self._root, self._numbers = root, numbers
        self._guard = threading.Lock()

    def find(self, home: Path) -> Account | None:
        """Whose home it is; None when it is not there, or nobody's yet."""
        try:
            owner = home.stat(follow_symlinks=False).st_uid
        except FileNotFoundError:
            return None
        return Account(owner) if owner in self._numbers.pairs() else None

    def give(self, home: Path) -> Account:
        """Make the home its account's, with all that is in it. Raises NoAccount when all numbers are taken."""
        with self._guard:
            account = self.find(home) or Account(self._find_free())
            hand_over(home, account)
        home.chmod(_CLOSED)
        return account

    def _find_free(self) -> int:
        """The first number above all in use, so that a number rests before it is used again; else any that is free."""
        taken = {path.stat(follow_symlinks=False).st_uid for path in self._root.iterdir()}
        pairs = self._numbers.pairs()
        newest: int = max(taken.intersection(pairs), default=self._numbers.first - 1)
        free = next((uid for uid in (*(n for n in pairs if n > newest), *pairs) if uid not in taken), None)
        if free is None:
            raise NoAccount(
                f"cannot make a user for one more cell: all {len(pairs)} pairs of {self._numbers.first}-"
                f"{self._numbers.last} are taken; choose a larger range"
            )
        return int(free)


def hand_over(home: Path, account: Account) -> None:
    """Make all of a directory the account's; the top last, for that says it is done. No link leads out of it."""
    for _folder, names, files, here in os.fwalk(home):
        for name in (*names, *files):
            owner = os.stat(name, dir_fd=here, follow_symlinks=False).st_uid
            if owner not in (account.uid, account.task):
                os.chown(name, account.uid, account.task, dir_fd=here, follow_symlinks=False)
    os.chown(home, account.uid, account.task, follow_symlinks=False)


def take_back(folder: Path, account: Account) -> None:
    """Make what the account has in a directory ours, and readable by all; its programs are ended first."""
    end_all(account)
    for _folder, names, files, here in os.fwalk(folder):
        for name in (*names, *files):
            found = os.stat(name, dir_fd=here, follow_symlinks=False)
            if found.st_uid == account.uid and name[-5:] != ".lock":
                os.chown(name, 0, 0, dir_fd=here, follow_symlinks=False)


def demote(
    argv: Iterable[str], account: Account, *, runs_user_code: bool, setpriv: str = "setpriv"
) -> tuple[str, ...]:
    """The command line that runs another as the cell's user, with what its task user takes and no more."""
    powers = ",".join(f"+{power}" for power in _POWERS) if runs_user_code else ""
    keep = (f"--inh-caps=-all,{powers}", f"--ambient-caps=-all,{powers}") if powers else ("--inh-caps=-all",)
    who = (f"--reuid={account.uid}", f"--regid={account.task}", "--clear-groups", "--no-new-privs")
    return (setpriv, *who, *keep, "--", *argv)


def find_setpriv() -> str | None:
    """util-linux's program, which every Linux distribution has: by our own PATH, never by that of what it runs."""
    return shutil.which("setpriv")


def become(user: int) -> tuple[str, ...]:
    """The command line before one that is to run as a user without any powers."""
    who = (f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs")
    return (find_setpriv() or "setpriv", *who, "--inh-caps=-all", "--")


def end_all(account: Account) -> int:
    """Kill what runs as the account, before its number is another's; how many were seen."""
    owners = {account.uid, account.task}
    seen = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if entry.stat().st_uid in owners:
                os.kill(int(entry.name), signal.SIGKILL)
                seen += 1
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return seen


def find_closed_door(paths: Iterable[Path]) -> Path | None:
    """The first directory on the way to these that other users may not pass through."""
    for path in paths:
        for folder in reversed((path, *path.parents)):
            if folder.is_dir() and not folder.stat().st_mode & 0o001:
                return folder
    return None
