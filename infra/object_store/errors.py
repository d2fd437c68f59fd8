"""The one error of the object store: S3's own code, words for people, and the fields S3 puts beside them.

The HTTP edge maps a code to a status. `NotModified` is no failure: it is how a conditional read says 304.
"""

from __future__ import annotations

import errno


class StoreError(Exception):
    """A request the store refuses; `code` is S3's, `fields` are further elements of S3's error document."""

    def __init__(self, code: str, message: str, **fields: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields


CODES = frozenset(
    {
        "BadDigest",
        "BadRequest",
        "BucketAlreadyExists",
        "BucketAlreadyOwnedByYou",
        "BucketNotEmpty",
        "ConditionalRequestConflict",
        "EntityTooLarge",
        "EntityTooSmall",
        "InsufficientStorage",
        "InternalError",
        "InvalidArgument",
        "InvalidBucketName",
        "InvalidBucketState",
        "InvalidDigest",
        "InvalidPart",
        "InvalidPartNumber",
        "InvalidPartOrder",
        "InvalidRange",
        "InvalidRequest",
        "InvalidTag",
        "KeyTooLongError",
        "MalformedXML",
        "MethodNotAllowed",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchKey",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchTagSet",
        "NoSuchUpload",
        "NoSuchVersion",
        "NotModified",
        "PreconditionFailed",
        "ServiceUnavailable",
    }
)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_INDEX = {"SQLITE_FULL", "SQLITE_IOERR_WRITE"}
"""SQLite tells ENOSPC by the first and every other refusal to take bytes, a quota's too, by the second."""
_UNSURE = ("SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC", "SQLITE_CORRUPT", "SQLITE_NOTADB")


def translate_failure(error: Exception) -> StoreError:
    """What a failed disk or index means to a caller: no room (InsufficientStorage), or InternalError."""
    if isinstance(error, StoreError):
        return error
    if is_full(error):
        return StoreError(
            "InsufficientStorage", "cannot write: the store's disk is full; nothing of this request was kept"
        )
    return StoreError("InternalError", f"cannot finish the request: {type(error).__name__} in the store")


def is_full(error: Exception) -> bool:
    """Whether a failure says that there is no room left."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return getattr(error, "sqlite_errorname", "") in _FULL_INDEX


def is_unsure(error: Exception) -> bool:
    """Whether a failure leaves it open what the disk holds: a failed fsync, a damaged index."""
    name: str = getattr(error, "sqlite_errorname", "")
    return name.startswith(_UNSURE)
