"""Whether a read or a write may go on, given what is there now. Pure; called inside the transaction that writes."""

from __future__ import annotations

import math

from infra.object_store.errors import StoreError
from infra.object_store.model import ByteRange, Conditions, ObjectHead


def decide_read(conditions: Conditions, head: ObjectHead) -> None:
    """Return when the object is to be served; raise PreconditionFailed or NotModified when not.

    RFC 9110's order: If-Match beats If-Unmodified-Since, If-None-Match beats If-Modified-Since.
    """
    modified = math.floor(head.modified)
    if conditions.if_match is not None:
        if not _names(conditions.if_match, head.etag):
            raise _failed("If-Match")
    elif conditions.if_unmodified_since is not None and modified > conditions.if_unmodified_since:
        raise _failed("If-Unmodified-Since")
    if conditions.if_none_match is not None:
        if _names(conditions.if_none_match, head.etag):
            raise _unmodified(head)
    elif conditions.if_modified_since is not None and modified <= conditions.if_modified_since:
        raise _unmodified(head)


def decide_copy_source(conditions: Conditions, head: ObjectHead) -> None:
    """As decide_read, but a copy has no 304: everything that fails is PreconditionFailed."""
    try:
        decide_read(conditions, head)
    except StoreError as refused:
        if refused.code == "NotModified":
            raise _failed("x-amz-copy-source-If-None-Match") from None
        raise


def decide_write(conditions: Conditions, key: str, current: ObjectHead | None) -> None:
    """Return when `key` may be written over `current`, the newest version that is no delete marker."""
    if conditions.if_match is not None:
        if current is None:
            raise StoreError("NoSuchKey", "The specified key does not exist.", Key=key)
        if not _names(conditions.if_match, current.etag):
            raise _failed("If-Match")
    refused = conditions.if_none_match
    if refused is not None and current is not None and _names(refused, current.etag):
        raise _failed("If-None-Match")


def resolve_range(wanted: ByteRange, size: int) -> tuple[int, int]:
    """(start, length) of a range in a body of `size` bytes. Raises InvalidRange when none of it is there."""
    if wanted.first is None:
        length = min(wanted.last or 0, size)
        start = size - length
    else:
        start = wanted.first
        length = min(size - 1 if wanted.last is None else wanted.last, size - 1) - start + 1
    if length <= 0:
        raise StoreError("InvalidRange", "The requested range is not satisfiable", ActualObjectSize=str(size))
    return start, length


def _names(tags: tuple[str, ...], etag: str) -> bool:
    return "*" in tags or etag in tags


def _failed(condition: str) -> StoreError:
    return StoreError(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        Condition=condition,
    )


def _unmodified(head: ObjectHead) -> StoreError:
    return StoreError("NotModified", "Not Modified", ETag=head.etag, LastModified=str(head.modified))
