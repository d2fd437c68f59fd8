"""Range and If-... headers, read. What they decide, the store does: only it knows the object of the moment. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from infra.object_store.http.dates import read_http
from infra.object_store.http.errors import refuse
from infra.object_store.model import NO_CONDITIONS, ByteRange, Conditions

_RANGE = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)")
_COPY_RANGE = re.compile(r"bytes=(\d+)-(\d+)")
_NAMES = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
OF_SOURCE = "x-amz-copy-source-"


def read_conditions(headers: Mapping[str, str], prefix: str = "") -> Conditions:
    """The conditions of a request; with the prefix those on the source of a copy. A date that is none is ignored."""
    found = [headers.get(prefix + name) for name in _NAMES]
    if found == [None, None, None, None]:
        return NO_CONDITIONS
    match, none, after, before = found
    return Conditions(_tags(match), _tags(none), _time(after), _time(before))


def read_range(header: str | None) -> ByteRange | None:
    """None for the whole: what is no single range of bytes is ignored, as S3 does."""
    found = _RANGE.fullmatch(header.strip()) if header is not None else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = (int(text) if text else None for text in found.groups())
    if first is not None and last is not None and last < first:
        return None
    return ByteRange(first, last)


def read_copy_range(header: str | None) -> ByteRange | None:
    """As `read_range` for UploadPartCopy, which wants both ends. Raises StoreError."""
    if header is None:
        return None
    found = _COPY_RANGE.fullmatch(header.strip())
    if found is None or int(found.group(2)) < int(found.group(1)):
        raise refuse(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
            {"ArgumentName": "x-amz-copy-source-range", "ArgumentValue": header},
        )
    return ByteRange(int(found.group(1)), int(found.group(2)))


def _tags(header: str | None) -> tuple[str, ...] | None:
    if header is None:
        return None
    return tuple(one.strip().removeprefix("W/").strip('"') for one in header.split(","))


def _time(header: str | None) -> float | None:
    return None if header is None else read_http(header)
