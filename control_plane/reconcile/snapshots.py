"""Copies of a cell's metadata, made by the runner's own commands: before another version works with it, and for export.

snapshots/<generation>-<version>.db    in the cell's home; the newest few stay
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from control_plane.domain.environment import Environment
from control_plane.reconcile.checks import CannotApply
from control_plane.reconcile.jobs import Jobs

_KEPT = 3
_SECONDS = 600.0


def take_snapshot(jobs: Jobs, row: Environment) -> Path:
    """The metadata as it was when the pending update began, copied once. Raises CannotApply."""
    home = jobs.provisioner.home(row.name)
    path = home / "snapshots" / f"{row.generation}-{row.spec['AirflowVersion']}.db"
    if not path.exists():
        run_runner(jobs, "save", home, path)
        _drop_oldest(path.parent)
    return path


def run_runner(jobs: Jobs, command: str, home: Path, file: Path, *options: str) -> None:
    """`runner save` or `load` on a cell, as the user that the cell runs as. Raises CannotApply with its words."""
    argv = [sys.executable, "-m", "runner", command, "--home", str(home), "--file", str(file), *options]
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env=dict(jobs.helper_env),
            cwd=home,
            **_as_owner(home),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _refuse(command, home, str(error)) from None
    if done.returncode != 0:
        words = (done.stderr.strip().splitlines() or ["it said nothing"])[-1].removeprefix("aerodrome: ")
        raise _refuse(command, home, words)


def _refuse(command: str, home: Path, why: str) -> CannotApply:
    message = f"cannot {command} the metadata of {home.name}: {why}"
    return CannotApply("INTERNAL_ERROR", message, "see that its database answers and the disk has room")


def give_to_owner(path: Path, home: Path) -> None:
    """A file that the cell's processes are to read, who may run as a user of their own."""
    owner = home.stat()
    if owner.st_uid != os.geteuid():
        os.chown(path, owner.st_uid, owner.st_gid)


def _as_owner(home: Path) -> dict[str, Any]:
    """The user whose files lie in the home: none of them may become ours."""
    owner = home.stat()
    if owner.st_uid == os.geteuid():
        return {}
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def _drop_oldest(folder: Path) -> None:
    for path in sorted(folder.glob("*.db"), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        path.unlink()
