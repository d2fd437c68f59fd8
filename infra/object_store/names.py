"""What may be called what: buckets, keys, tags. Pure; raises StoreError with S3's code.

A key is never a path: it is only ever a value in the index. So any 1,024 bytes of UTF-8 will do.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from infra.object_store.errors import StoreError

MOST_KEY_BYTES = 1024
_BUCKET = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
"""S3 keeps these for itself: a bucket of such a name could not move to it."""


def check_bucket_name(name: str) -> None:
    well_formed = 3 <= len(name) <= 63 and _BUCKET.fullmatch(name) and not _is_address(name)
    if not well_formed or name.startswith(_RESERVED_STARTS) or name.endswith(_RESERVED_ENDS):
        raise StoreError("InvalidBucketName", "The specified bucket is not valid.", BucketName=name)


def check_key(key: str) -> None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise StoreError("InvalidArgument", "cannot use this key: it is not valid UTF-8") from None
    if size > MOST_KEY_BYTES:
        raise StoreError(
            "KeyTooLongError", "Your key is too long", Size=str(size), MaxSizeAllowed=str(MOST_KEY_BYTES)
        )
    if not key:
        raise StoreError("InvalidArgument", "cannot use an empty key")


def check_tags(tags: Mapping[str, str], most: int = 10) -> None:
    if len(tags) > most:
        raise StoreError(
            "BadRequest" if most == 10 else "InvalidTag", f"Object tags cannot be greater than {most}"
        )
    for name, value in tags.items():
        if not 1 <= len(name) <= 128:
            raise StoreError("InvalidTag", "The TagKey you have provided is invalid", TagKey=name)
        if len(value) > 256:
            raise StoreError("InvalidTag", "The TagValue you have provided is invalid", TagKey=name)


def beyond(prefix: str) -> str | None:
    """The smallest string that is greater than every string with this prefix, in UTF-8 byte order."""
    for at in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[at]) + 1
        if code == 0xD800:
            code = 0xE000
        if code <= 0x10FFFF:
            return prefix[:at] + chr(code)
    return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True
