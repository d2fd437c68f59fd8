"""Files that a command names. There is no file system of the user's here: what can be read is the DAG folder's newest
snapshot, what can be written is stdout."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from runner.api.airflow.dag_shapes import DAGS_FOLDER
from runner.api.cli.shell import Exit, Shell
from runner.store.bundles import ACTIVE
from runner.store.meta import find_fact

_STDOUT = ("-", "/dev/stdout")
_MOST = 10 * 1024 * 1024


def check_writable(name: str) -> None:
    """Raises Exit for a file that is not stdout."""
    if name not in _STDOUT:
        raise Exit(
            1, f"cannot write {name!r}: a command can only write to stdout; name the file - to get it there"
        )


def read_json(shell: Shell, name: str, what: str) -> dict[str, Any]:
    """The JSON object in a file of the DAG folder. Raises Exit."""
    text = _read(shell, name)
    if text is None:
        raise Exit(
            1, f"Missing {what} file. Only files below {DAGS_FOLDER} can be read: upload it beside the DAGs"
        )
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Exit(1, f"Invalid {what} file. {error}") from None
    if not isinstance(found, dict):
        raise Exit(1, f"Invalid {what} file. It must hold a JSON object")
    return found


def _read(shell: Shell, name: str) -> bytes | None:
    """A regular file inside the snapshot; None for whatever is not."""
    with shell.call.cell.db.read() as conn:
        bundle = find_fact(conn, ACTIVE)
    if not bundle or "\0" in name:
        return None
    root = shell.call.cell.layout.bundle(bundle).resolve()
    relative = PurePosixPath(name.removeprefix(f"{DAGS_FOLDER}/"))
    path = (root / relative).resolve()
    if relative.is_absolute() or not path.is_relative_to(root) or not path.is_file():
        return None
    if path.stat().st_size > _MOST:
        raise Exit(1, f"cannot read {name!r}: it has more than {_MOST} bytes")
    return path.read_bytes()
