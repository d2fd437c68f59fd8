"""Files and folders of DAGs."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_IN_ZIP = re.compile(r"((?:.*\.zip))(?:/(.*))?")
MODIFIED_DAG_MODULE_NAME = "unusual_prefix_{path_hash}_{module_name}"


def correct_maybe_zipped(fileloc: str | Path | None) -> Any:
    """The zip file, for a path within one; every other path as it is."""
    found = _IN_ZIP.search(str(fileloc)) if fileloc else None
    return found.group(1) if found and zipfile.is_zipfile(found.group(1)) else fileloc


def open_maybe_zipped(fileloc: str, mode: str = "r") -> Any:
    """An open file, on disk or within a zip file."""
    found = _IN_ZIP.search(fileloc)
    if found and found.group(2) and zipfile.is_zipfile(found.group(1)):
        return io.TextIOWrapper(zipfile.ZipFile(found.group(1)).open(found.group(2)))
    return Path(fileloc).open(mode)


def list_py_file_paths(directory: str | Path | None, **_: Any) -> list[str]:
    """The Python files below a folder that may hold DAGs; a file is itself."""
    place = Path(directory or "")
    if place.is_file():
        return [str(place)]
    return [str(path) for path in sorted(place.rglob("*.py")) if might_contain_dag(str(path), True)]


def might_contain_dag(file_path: str, safe_mode: bool, zip_file: Any = None) -> bool:
    """Whether the file speaks of DAGs and of Airflow, or `safe_mode` is off."""
    if not safe_mode:
        return True
    text = zip_file.read(file_path) if zip_file else Path(file_path).read_bytes()
    lower = text.lower()
    return (b"dag" in lower or b"asset" in lower) and b"airflow" in lower


def get_unique_dag_module_name(file_path: str) -> str:
    """A module name for a DAG file that no other file has."""
    digest = hashlib.sha1(str(file_path).encode(), usedforsecurity=False).hexdigest()
    return MODIFIED_DAG_MODULE_NAME.format(
        path_hash=digest, module_name=re.sub(r"[.-]", "_", Path(file_path).stem)
    )


def mkdirs(path: str | Path, mode: int) -> None:
    Path(path).mkdir(mode=mode, parents=True, exist_ok=True)


def find_path_from_directory(base_dir_path: str, ignore_file_name: str = "", **_: Any) -> Iterator[str]:
    """The files below a folder, hidden ones left out."""
    for path in sorted(Path(base_dir_path).rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.parts):
            yield str(path)
