"""What we need of an object store, and how to open one.

Keys are text, relative to the store's prefix. A listing gives keys exactly as they are stored, hostile ones
included: judging them is `sync.paths`' job. Every failure is an `ObjectStoreError` with one of `CODES`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

CODES = ("unreachable", "denied", "no_such_bucket", "no_such_key", "changed", "throttled")


class ObjectStoreError(Exception):
    """The store did not do what was asked. `code` says why, in one of `CODES`; the text is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object of a listing. `etag` has no quotes; it is the content's MD5 for objects put in one piece."""

    key: str
    etag: str
    size: int
    version: str | None
    modified: dt.datetime


class ObjectStore(Protocol):
    """A bucket, or the part of it under a prefix. Safe to use from several threads."""

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """Every object whose key starts with `prefix`, in key order."""

    def get(self, key: str, if_match: str | None = None, version: str | None = None) -> bytes:
        """The object's bytes, of one version where it is given; `changed` when `if_match` is no longer its ETag."""

    def put(self, key: str, data: bytes, if_none_match: bool = False) -> str:
        """Write the object and return its ETag; `changed` when it exists and `if_none_match` is set."""

    def put_new(self, objects: Sequence[tuple[str, bytes]]) -> Sequence[ObjectStoreError | None]:
        """Make objects that are not there yet: None, or why not, for each (`changed`: it is there).

        At most `most_together` of them, a few MiB in all. Raises when none was looked at.
        """

    def most_together(self) -> int:
        """How many objects `put_new` makes in one request; 1 where each takes a request of its own. Never raises."""

    def head(self, key: str, version: str | None = None) -> ObjectInfo:
        """What a listing would say of this one key, or of one version of it."""

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""

    def watch(self, prefix: str, told: Callable[[bool], None], stopped: Callable[[], bool]) -> None:
        """Call `told(True)` on changes below `prefix`, `told(False)` as a sign of life; until the store ends it or
        `stopped`. Returns at once where it cannot."""


def open_store(
    *,
    bucket: str,
    region: str = "us-east-1",
    endpoint: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    session_token: str | None = None,
    prefix: str = "",
) -> ObjectStore:
    """A bucket on S3 or on anything that speaks it. Opens no connection yet.

    `endpoint` None means AWS itself; keys None means the credentials that AWS' own tools would find.
    """
    from sync.endpoint import Location
    from sync.s3 import S3ObjectStore  # the client costs memory: only who talks to a bucket pays for it

    location = Location(bucket, region, endpoint, access_key_id, secret_access_key, session_token)
    return S3ObjectStore(location, prefix.strip("/"))
