"""An environment's own requirements: read from the bucket, checked, installed, and told about.

What was done, and the installer's own words, are kept in the bucket beside the environment's logs, without the
passwords of indexes.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from control_plane.domain.environment import Environment, bucket_name
from control_plane.reconcile.cell import ObjectStoreAccess
from control_plane.reconcile.checks import CannotApply, open_bucket, try_to
from control_plane.reconcile.code_files import CodeFile, refuse
from control_plane.reconcile.interpreters import BrokenBase
from control_plane.reconcile.said import keep_log
from sync.requirement_rules import (
    DAGS,
    PLUGINS,
    BadRequirements,
    Prepared,
    Rules,
    list_named_files,
    mask,
    prepare_requirements,
)
from sync.venv import VenvError

log = logging.getLogger(__name__)
_ERROR_ROOM = 760
"""Characters of the installer's words in LastUpdate.Error, which holds 1024 in all."""
FETCHED = ".files-"
"""What the folders begin with that hold files which requirements named."""
_BASE_FIX = "see that the service reaches its package index and that its disk has room"
_MOST_FILES, _LARGEST = 500, 256 << 20


class Finder(Protocol):
    """Makes interpreters; `reconcile.interpreters` does."""

    def find_base(self) -> str: ...

    def find(self, wanted: str, progress: Callable[[str], None], cancelled: Callable[[], bool]) -> str: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What lines of requirements may refer to. `plugins`: the folder of the unpacked archive, '' for none."""

    plugins: str = ""
    exports: Mapping[str, str] = field(default_factory=dict)
    indexes: bool = True


def find_base(interpreters: Finder) -> str:
    """The interpreter that all share. Raises CannotApply."""
    try:
        return interpreters.find_base()
    except BrokenBase as error:
        raise CannotApply("INTERNAL_ERROR", f"cannot build its interpreter: {error}", _BASE_FIX) from error


def install(
    environment: Environment, file: CodeFile, place: Surroundings, access: ObjectStoreAccess, interpreters: Finder,
    tell: Callable[[str], None], cancelled: Callable[[], bool],
) -> tuple[str, str]:  # fmt: skip
    """The text as it was installed, and the interpreter that has it. Raises CannotApply, VenvCancelled."""
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(f"cannot use {file.place}: it is not UTF-8 text: {error}", "save it as UTF-8") from None
    venvs = Path(interpreters.find_base()).parents[2]
    dags = _fetch(environment, access, list_named_files(text), venvs)
    places = ({PLUGINS: place.plugins} if place.plugins else {}) | ({DAGS: dags} if dags else {})
    try:
        wanted = prepare_requirements(text, Rules(place.indexes, places, place.exports))
    except BadRequirements as bad:
        raise refuse(str(bad), "Mend requirements.txt") from None
    return wanted.text, _build(wanted, environment, access, interpreters, tell, cancelled)


def _build(
    wanted: Prepared, environment: Environment, access: ObjectStoreAccess, interpreters: Finder,
    step: Callable[[str], None], cancelled: Callable[[], bool],
) -> str:  # fmt: skip
    said = [f"requirements.txt: {note}" for note in wanted.notes]

    def tell(line: str) -> None:
        line = mask(line, wanted.secrets)
        said.append(line)
        first = line.partition("\n")[0]
        log.info(first, extra={"environment": environment.name})
        step(first)

    try:
        return interpreters.find(wanted.text, tell, cancelled)
    except VenvError as error:
        words = mask(str(error), wanted.secrets)
        said.append(words)
        place = f"s3://{bucket_name(environment.spec['SourceBucketArn'])}/{_log_key(environment)}"
        short = words if len(words) <= _ERROR_ROOM else f"{words[:_ERROR_ROOM]} ..."
        raise refuse(f"{short}\nThe whole log: {place}", "Mend requirements.txt") from None
    except BrokenBase as error:
        raise CannotApply("INTERNAL_ERROR", f"cannot build its interpreter: {error}", _BASE_FIX) from error
    finally:
        keep_log(environment, access, _log_key(environment), "\n".join(said))


def _fetch(environment: Environment, access: ObjectStoreAccess, names: list[str], root: Path) -> str | None:
    """A folder with those files and folders of the DAG folder, named after what is in it; None for none."""
    if not names:
        return None
    keys = _list_keys(environment, access, names)
    try:
        with tempfile.TemporaryDirectory(prefix=".requirements-", dir=root) as temporary:
            files = Path(temporary, "files")
            final = root / f"{FETCHED}{_download(environment, access, keys, files)}"
            _move(files, final)
            return str(final)
    except OSError as error:
        raise CannotApply(
            "INTERNAL_ERROR",
            f"cannot keep the files that requirements.txt names in {root}: {error}",
            "make room there",
        ) from error


def _download(environment: Environment, access: ObjectStoreAccess, keys: list[str], into: Path) -> str:
    """By their content: the same files make the same text, and that the same interpreter."""
    bucket, store = open_bucket(environment, access)
    prefix = environment.spec["DagS3Path"].strip("/")
    digest, total = hashlib.sha256(), 0
    for key in keys:
        data = try_to("read a file of requirements.txt", bucket, key, "the file", partial(store.get, key))
        total += len(data)
        if total > _LARGEST:
            raise refuse(
                f"cannot use the files that requirements.txt names: they have more than {_LARGEST} bytes",
                "name fewer",
            )
        path = into / (key.removeprefix(f"{prefix}/") if prefix else key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        digest.update(f"{key}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:32]


def _move(files: Path, final: Path) -> None:
    try:
        files.rename(final)
    except OSError:
        if not final.is_dir():  # else the same files were fetched before
            raise


def _list_keys(environment: Environment, access: ObjectStoreAccess, names: list[str]) -> list[str]:
    bucket, store = open_bucket(environment, access)
    prefix = environment.spec["DagS3Path"].strip("/")
    keys: list[str] = []
    for name in names:
        key = "/".join(part for part in (prefix, name) if part)
        if any(part in ("", ".", "..") for part in key.split("/")):
            raise refuse(
                f"cannot use {name!r}, which requirements.txt names: it is no path below the DAG folder",
                "correct it",
            )
        found = [info.key for info in try_to("list", bucket, key, "the file", partial(store.list, key))]
        below = [each for each in found if each == key or each.startswith(f"{key}/")]
        files = [each for each in below if each == key or each.endswith((".whl", ".tar.gz", ".zip", ".txt"))]
        if not files:
            raise refuse(f"cannot find s3://{bucket}/{key}, which requirements.txt names", "upload it")
        keys += files
    if len(keys) > _MOST_FILES:
        message = f"cannot use {len(keys)} files that requirements.txt names, {_MOST_FILES} are allowed"
        raise refuse(message, "name fewer")
    return sorted(set(keys))


def _log_key(environment: Environment) -> str:
    return f"logs/{environment.name}/Worker/requirements_install.log"
