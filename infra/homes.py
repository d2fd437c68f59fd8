"""Cells' homes: made, filled and removed in the same way by every provisioner that shares this machine's disk.

With accounts each home is its account's and closed to everybody else; without them all are ours. A home is written
to by a user with fewer rights than we may have, so no link in it is followed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.accounts import Account, Accounts, end_all


@dataclass(frozen=True, slots=True)
class Homes:
    """The homes below `root`."""

    root: Path
    accounts: Accounts | None = None

    def path(self, name: str) -> Path:
        return self.root / name

    def names(self) -> list[str]:
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if path.is_dir() and path.name[0] != ".")

    def find_account(self, name: str) -> Account | None:
        return self.accounts.find(self.path(name)) if self.accounts else None

    def make(self, name: str, files: Mapping[str, str], shared: str | None = None) -> None:
        """A home with these files in it, which only their owner may read.

        `shared`: a directory that tasks may write to as well.
        """
        home = self.path(name)
        self.root.mkdir(mode=0o711 if self.accounts else 0o700, parents=True, exist_ok=True)
        for folder in (home, home / "run", home / "log"):
            folder.mkdir(mode=0o700, exist_ok=True)
        if shared is not None:
            (home / shared).mkdir(mode=0o700, exist_ok=True)
        account = self.accounts.give(home) if self.accounts else None
        if shared is not None and account is not None:
            (home / shared).chmod(0o1770)
        for path, text in files.items():
            _write_private(home, path, text, account)

    def remove(self, name: str) -> None:
        """The home and all in it; it disappears at once, and its files soon after."""
        home = self.path(name)
        account = self.find_account(name)
        if account is not None:
            end_all(account)
        doomed = home.with_name(f".{name}.deleted")
        if home.is_dir():
            shutil.rmtree(doomed, ignore_errors=True)
            home.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def open_private(path: Path, account: Account | None = None) -> int:
    """A new, empty file of the account's (else ours) in the place of whatever is there."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(path, flags, 0o600)
    if account is not None:
        os.fchown(file, account.uid, account.task)
    return file


def _write_private(home: Path, name: str, text: str, account: Account | None) -> None:
    path = home / name
    for folder in reversed([parent for parent in path.parents if parent.is_relative_to(home)][:-1]):
        if not folder.is_dir():
            folder.mkdir(mode=0o700)
            if account is not None:
                os.chown(folder, account.uid, account.task, follow_symlinks=False)
    temporary = path.with_name(path.name + ".new")
    with os.fdopen(open_private(temporary, account), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
