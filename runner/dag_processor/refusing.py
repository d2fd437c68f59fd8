"""Objects of the bucket that make no file, as import errors, where their owner looks for what is broken. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

MOST = 1000
"""Errors that are kept; one more says how many there are beyond them."""
_MOST_BYTES = 1500
"""Of a shown key: escapes make it longer than S3's 1,024, and a database's index takes no more than 2,700."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\\\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def describe_refused(bucket: str, refused: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name -> error of each refused key. A name begins with s3://, which no path in a snapshot can."""
    found: dict[str, str] = {}
    beyond = 0
    for key, reason in refused:
        if len(found) < MOST:
            name = f"s3://{bucket}/{show_key(key)}"
            found[name] = f"cannot use the object {name}: {reason}. Remove it, or give it another name."
        else:
            beyond += 1
    if beyond:
        found[f"s3://{bucket}"] = f"cannot use {beyond} more objects; the first {MOST} are told by name"
    return found


def show_key(key: str) -> str:
    """A key that a terminal shows and does not obey; different keys stay different."""
    shown = _UNPRINTABLE.sub(lambda match: _escape(match.group()), key)
    raw = shown.encode()
    if len(raw) <= _MOST_BYTES:
        return shown
    return f"{raw[:_MOST_BYTES].decode(errors='ignore')}...{hashlib.sha256(raw).hexdigest()[:16]}"


def _escape(character: str) -> str:
    return "\\\\" if character == "\\" else character.encode("unicode_escape").decode()
