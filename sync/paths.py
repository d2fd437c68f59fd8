"""From object keys to file paths that cannot leave the snapshot. Pure.

A key is accepted as it is or refused with the reason; nothing is repaired, because a repaired name is a
second name for the same file. Letter case and Unicode forms are kept: they are different names on the
systems we run on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

KEY_BYTES = 1024
PART_BYTES = 255
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Paths:
    """What a listing becomes: accepted keys, each with its path, and refused ones, each with the reason."""

    accepted: dict[str, str]
    """path -> key as it was given (the path is the key below the prefix)."""
    refused: tuple[tuple[str, str], ...]


def plan_paths(keys: Iterable[str], prefix: str = "") -> Paths:
    """The files that these keys (all begin with `prefix`) make. Directory markers make none, silently."""
    wanted: dict[str, str] = {}
    refused: list[tuple[str, str]] = []
    for key in keys:
        path = key[len(prefix) :]
        if not path or path.endswith("/"):
            continue
        reason = find_fault(path)
        if reason is None:
            wanted[path] = key
        else:
            refused.append((key, reason))
    folders = {path[:at] for path in wanted for at in _slashes(path)}
    for path in sorted(folders & wanted.keys()):
        refused.append((wanted.pop(path), "it is a file where other keys need a folder"))
    return Paths(wanted, tuple(sorted(refused)))


def find_fault(path: str) -> str | None:
    """Why a relative path must not be written, None when it may."""
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    if size > KEY_BYTES:
        return f"it is longer than {KEY_BYTES} bytes"
    if path.startswith("/"):
        return "it begins with '/'"
    if "\\" in path:
        return "it has a backslash"
    if _CONTROL.search(path):
        return "it has a control character"
    if "\ufffd" in path:
        return "it is not valid Unicode"
    for part in path.split("/"):
        if part == "":
            return "it has an empty part ('//')"
        if part in (".", ".."):
            return f"it has the part '{part}'"
        if len(part.encode()) > PART_BYTES:
            return f"it has a part longer than {PART_BYTES} bytes"
    return None


def _slashes(path: str) -> Iterable[int]:
    at = path.find("/")
    while at >= 0:
        yield at
        at = path.find("/", at + 1)
