"""Folders that are made once, shared, and removed when nobody uses them: venvs, unpacked plugins.

    root/<digest>/        complete, or not there     root/<digest>.lock    held alone while it is made or removed
    root/.new-...         being made, or removed     root/<digest>.use     held, shared, by every user

Who uses a folder proves it by its lock, which the kernel frees with the process: nothing has to be written down, and
nothing is left behind by a kill.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".new-"
_NAME = re.compile(r"[0-9a-f]{32}")
_LEFTOVER = re.compile(r"\.new-([0-9a-f]{32})-.*")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone with whatever that lock file stands for; it may be another user's, whose file is not written to."""
    with path.open("r" if path.exists() else "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def mark_used(folder: Path) -> None:
    """It was asked for just now: whoever collects leaves it alone for a while. The `.lock` is the caller's."""
    use = folder.with_name(f"{folder.name}.use")
    if not use.exists():
        use.touch(0o644)
        use.chmod(0o644)
    try:
        os.utime(use)
    except PermissionError:
        return  # another user's folder, whom that user asks for as well


def collect(root: Path, keep: Collection[Path], older_than: float) -> list[str]:
    """Remove the folders that nobody uses, not asked for since `older_than` (epoch), not in `keep`; their names.

    What a killed maker or remover left goes, too. A folder that somebody is at work on is left for the next time.
    """
    if not root.is_dir():
        return []
    names = [path.name for path in root.iterdir()]
    kept = {path.name for path in keep}
    gone = [name for name in sorted(names) if _NAME.fullmatch(name) and name not in kept]
    removed = [name for name in gone if _remove(root, name, older_than)]
    for name in names:
        match = _LEFTOVER.fullmatch(name)
        if match and (root / name).stat().st_mtime < older_than:
            with _try_lock(root / f"{match[1]}.lock") as ours:
                if ours:
                    _delete(root / name)
    return removed


def _remove(root: Path, name: str, older_than: float) -> bool:
    with _try_lock(root / f"{name}.lock") as ours, _try_lock(root / f"{name}.use") as unused:
        used = (root / f"{name}.use").stat().st_mtime
        if not ours or not unused or used >= older_than:
            return False
        doomed = root / f"{TEMPORARY}{name}-gone-{time.monotonic_ns()}"
        (root / name).rename(doomed)
    _delete(doomed)
    return True


def _delete(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _try_lock(path: Path) -> Iterator[bool]:
    existed = path.exists()
    with path.open("a") as file:
        if not existed:
            path.chmod(0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
