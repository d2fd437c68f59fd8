"""Range and If-... headers of reads and copies, decided. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from infra.object_store.http.dates import read_http, to_http
from infra.object_store.http.errors import S3Error

_RANGE = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)")
COPY_PREFIX = "x-amz-copy-source-"


def check_read(headers: Mapping[str, str], etag: str, modified: float, prefix: str = "") -> None:
    """Raises S3Error PreconditionFailed, or NotModified. With the prefix of copies nothing is `not modified`.

    A condition on the ETag goes before the one on the time of the same direction.
    """
    seconds = float(int(modified))
    match = headers.get(f"{prefix}if-match")
    since = _time(headers.get(f"{prefix}if-unmodified-since"))
    if match is not None:
        if not fits(match, etag):
            raise _failed("If-Match")
    elif since is not None and seconds > since:
        raise _failed("If-Unmodified-Since")
    none = headers.get(f"{prefix}if-none-match")
    after = _time(headers.get(f"{prefix}if-modified-since"))
    if none is not None:
        if fits(none, etag):
            raise _failed("If-None-Match") if prefix else _same(etag, modified)
    elif after is not None and seconds <= after:
        raise _failed("If-Modified-Since") if prefix else _same(etag, modified)


def fits(header: str, etag: str) -> bool:
    """Whether one of the ETags of a header is this one."""
    return any(one.strip().removeprefix("W/").strip('"') in ("*", etag) for one in header.split(","))


def read_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and length; None for the whole. Raises S3Error InvalidRange.

    What is no single range of bytes is ignored, as S3 does.
    """
    found = _RANGE.fullmatch(header.strip()) if header is not None else None
    if found is None or found.group(0).endswith("=-"):
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise invalid_range(header, size)
        return size - length, length
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return None
    if start >= size:
        raise invalid_range(header, size)
    return start, end - start + 1


def read_copy_range(header: str, size: int) -> tuple[int, int]:
    """As `read_range` for UploadPartCopy, which wants both ends and wants them inside. Raises S3Error."""
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", header.strip())
    if found is None or int(found.group(2)) < int(found.group(1)):
        raise S3Error(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
            {"ArgumentName": "x-amz-copy-source-range", "ArgumentValue": header},
        )
    first, last = map(int, found.groups())
    if last >= size:
        raise S3Error(
            "InvalidRequest", f"Range specified is not valid for source object of size: {size}"
        )
    return first, last - first + 1


def invalid_range(header: str | None, size: int) -> S3Error:
    """Nothing of the range is there."""
    return S3Error(
        "InvalidRange",
        "The requested range is not satisfiable",
        {"RangeRequested": header or "", "ActualObjectSize": str(size)},
        {"content-range": f"bytes */{size}"},
    )


def _time(text: str | None) -> float | None:
    return None if text is None else read_http(text)


def _failed(name: str) -> S3Error:
    return S3Error(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        {"Condition": name},
    )


def _same(etag: str, modified: float) -> S3Error:
    return S3Error(
        "NotModified", "Not Modified", headers={"etag": f'"{etag}"', "last-modified": to_http(modified)}
    )
