"""Where a bucket is, how long to wait for it, and what its refusals mean."""

from __future__ import annotations

from dataclasses import dataclass

from sync.objects import ObjectStoreError

CONNECT_TIMEOUT = 2.0
REQUEST_TIMEOUT = 10.0
_THROTTLES = frozenset(
    {"SlowDown", "ServiceUnavailable", "TooManyRequests", "RequestLimitExceeded", "Throttling"}
)


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket, where it is and with which keys."""

    bucket: str
    region: str
    endpoint: str | None
    access_key_id: str | None
    secret_access_key: str | None
    session_token: str | None

    def __repr__(self) -> str:  # secrets never reach a log line
        return f"s3://{self.bucket} at {self.endpoint or 'AWS ' + self.region}"


def explain_answer(what: str, status: int, named: str) -> ObjectStoreError:
    """The error for an answer that was no success: HTTP status and S3's own code, where it gave one."""
    said = " ".join(part for part in (str(status or ""), named) if part)
    if named == "NoSuchBucket":
        return ObjectStoreError("no_such_bucket", f"cannot {what}: the bucket does not exist")
    if named in _THROTTLES or status in (429, 503):
        return ObjectStoreError("throttled", f"cannot {what}: the store asks for fewer requests ({said})")
    if status in (401, 403):
        return ObjectStoreError(
            "denied", f"cannot {what}: access is denied ({said}); check keys and bucket policy"
        )
    if status in (409, 412):
        return ObjectStoreError(
            "changed", f"cannot {what}: it is no longer as it was expected to be ({said})"
        )
    if status == 404:
        return ObjectStoreError("no_such_key", f"cannot {what}: there is no such key")
    return ObjectStoreError("unreachable", f"cannot {what}: the store answered {said}")
