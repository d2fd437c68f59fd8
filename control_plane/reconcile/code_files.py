"""The objects that an environment names besides its DAG files: looked at, and read when they are needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from control_plane.domain.environment import Environment
from control_plane.domain.equipment import NAMES, PLUGINS, REQUIREMENTS, STARTUP, Source, version_member
from control_plane.reconcile.cell import ObjectStoreAccess
from control_plane.reconcile.checks import INCORRECT_CONFIGURATION, CannotApply, open_bucket, try_to

_LARGEST = {REQUIREMENTS: 1 << 20, PLUGINS: 128 << 20, STARTUP: 1 << 20}


@dataclass(frozen=True, slots=True)
class CodeFile:
    """An object that was looked at. `read` gets its bytes, those of that look; it raises CannotApply."""

    name: str
    place: str
    source: Source
    read: Callable[[], bytes]


def read_code_file(environment: Environment, access: ObjectStoreAccess, member: str) -> CodeFile | None:
    """The object that a member names, of its ...ObjectVersion where one is given; None when it names none.

    Raises CannotApply naming the object and the fix.
    """
    spec: dict[str, Any] = dict(environment.spec)
    path = str(spec.get(member) or "").lstrip("/")
    if not path:
        return None
    pinned = version_member(member)
    version = spec.get(pinned) or None
    bucket, store = open_bucket(environment, access)
    name, said = NAMES[member], pinned if version else member
    info = try_to(f"read {name}", bucket, path, said, partial(store.head, path, version))
    place = f"s3://{bucket}/{path}"
    if info.size > _LARGEST[member]:
        message = f"cannot use {place}: it has {info.size} bytes, {_LARGEST[member]} are allowed"
        raise refuse(message, "make it smaller")
    match = None if version else info.etag
    get = partial(store.get, path, if_match=match, version=version)
    read = partial(try_to, f"read {name}", bucket, path, said, get)
    return CodeFile(name, place, Source(path, info.etag, info.version, info.modified.timestamp()), read)


def refuse(message: str, fix: str) -> CannotApply:
    """What its owner must mend."""
    return CannotApply(INCORRECT_CONFIGURATION, message, fix)
