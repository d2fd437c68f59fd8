"""DAG files on a local disk, for a check without a bucket: found by the same rules as those of a snapshot."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runner.dag_processor.choosing import list_candidates, may_hold_dags

_FOLDER = "dags"


@dataclass(frozen=True, slots=True)
class Found:
    """Files below one folder of DAGs. `files` are relative to `root`, sorted."""

    root: Path
    files: tuple[str, ...]


def find_dag_files(
    paths: Iterable[Path], root: Path | None, syntax: str, safe_mode: bool = True
) -> tuple[list[Found], list[str]]:
    """What the paths mean, and what is wrong with an .airflowignore. A file that is named is always taken.

    A folder is a folder of DAGs itself. For a file that is `root`, else the nearest folder above that is called dags,
    else the folder the file lies in.
    """
    chosen: dict[Path, set[str]] = {}
    problems: list[str] = []
    for path in (path.resolve() for path in paths):
        if path.is_dir():
            base = root if root is not None and path.is_relative_to(root) else path
            files, trouble = _walk(base, path, syntax, safe_mode)
            problems += trouble
        else:
            base = _root_of(path, root)
            files = [path.relative_to(base).as_posix()]
        chosen.setdefault(base, set()).update(files)
    return [Found(base, tuple(sorted(files))) for base, files in chosen.items() if files], problems


def _walk(base: Path, folder: Path, syntax: str, safe_mode: bool) -> tuple[list[str], list[str]]:
    def read(name: str) -> bytes:
        try:
            return (base / name).read_bytes()
        except OSError:
            return b""  # a dangling link, or not ours to read

    candidates, problems = list_candidates(_list_files(base), read, syntax)
    inner = folder.relative_to(base).as_posix()
    wanted = [name for name in candidates if inner == "." or name.startswith(f"{inner}/")]
    return [name for name in wanted if not safe_mode or may_hold_dags(read(name))], problems


def _list_files(base: Path) -> Iterator[str]:
    """Every file below, without what no bucket would have: hidden folders and compiled code."""
    for where, folders, names in os.walk(base):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__pycache__")
        for name in names:
            yield (Path(where) / name).relative_to(base).as_posix()


def _root_of(path: Path, root: Path | None) -> Path:
    if root is not None and path.is_relative_to(root):
        return root
    named = [parent for parent in path.parents if parent.name == _FOLDER]
    return named[0] if named else path.parent
