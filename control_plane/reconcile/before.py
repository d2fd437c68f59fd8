"""What a cell's home had before an update: kept aside, so that rolling back needs no bucket and no installer.

    before/<generation>/files.json    path -> text, or null for a file that was not there

The generation is that of the spec in force: an update that was ended, either way, leaves nothing that another could
take for its own. Written whole or not at all, and never over what is there: a second look after a crash would keep
the files of the update instead.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from control_plane.private_files import write_private

Files = Mapping[str, str | None]


def keep(home: Path, generation: int, paths: Iterable[str]) -> None:
    """Keep these files as they are now, unless that was done already."""
    folder = _folder(home, generation)
    if (folder / "files.json").exists():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / "files.json", json.dumps(read(home, paths)))


def read(home: Path, paths: Iterable[str]) -> Files:
    """The files as they are now."""
    return {path: _read(home / path) for path in paths}


def find(home: Path, generation: int) -> Files | None:
    """The files as they were; None when nothing was kept: then nothing was written either."""
    text = _read(_folder(home, generation) / "files.json")
    return None if text is None else json.loads(text)


def mark(home: Path, generation: int, what: str) -> None:
    """Note that a part of the update is done which must not be done twice."""
    _folder(home, generation).mkdir(mode=0o700, parents=True, exist_ok=True)
    (_folder(home, generation) / what).touch(0o600)


def is_marked(home: Path, generation: int, what: str) -> bool:
    """Whether that part is done."""
    return (_folder(home, generation) / what).exists()


def remove_missing(home: Path, files: Files) -> None:
    """Remove the files that were not there."""
    for path, text in files.items():
        if text is None:
            (home / path).unlink(missing_ok=True)


def forget(home: Path) -> None:
    """The update has ended."""
    shutil.rmtree(home / "before", ignore_errors=True)


def _folder(home: Path, generation: int) -> Path:
    return home / "before" / str(generation)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
