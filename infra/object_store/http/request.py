"""A request as the rest sees it: head, query, headers; which bucket and key it means. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from infra.object_store.http.errors import refuse

_ABSOLUTE = re.compile(rb"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?]*")
_ADDRESS = re.compile(r"[0-9.]+|\[.*\]")
MAX_KEY = 1024


@dataclass(frozen=True, slots=True)
class Head:
    """Request line and headers. Names are in lower case; a header that came twice is joined by commas."""

    method: str
    target: bytes
    """As it was sent."""
    headers: Mapping[str, str]
    raw_headers: Sequence[tuple[str, bytes]] = ()
    """In their order, for signatures."""
    peer: str = ""
    """The client's address."""
    request_id: str = ""

    def header(self, name: str) -> str | None:
        """A header's value without blanks around it; None when it is not there."""
        return self.headers.get(name)


@dataclass(frozen=True, slots=True)
class Address:
    """What a request is about: the service, a bucket, or a key of one."""

    bucket: str = ""
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def level(self) -> str:
        """`service`, `bucket` or `object`."""
        return "object" if self.key else "bucket" if self.bucket else "service"


def read_address(head: Head, domains: Sequence[str]) -> Address:
    """Path style, or virtual-host style below one of the domains. Raises StoreError."""
    target = _ABSOLUTE.sub(b"", head.target) if head.target[:1] != b"/" else head.target
    raw_path, _, raw_query = target.partition(b"?")
    path = _decode(raw_path).removeprefix("/")
    bucket = find_host_bucket(head.headers.get("host", ""), domains)
    key = path
    if bucket is None:
        bucket, _, key = path.partition("/")
    if len(key.encode()) > MAX_KEY:
        raise refuse(
            "KeyTooLongError",
            "Your key is too long",
            {"Size": str(len(key.encode())), "MaxSizeAllowed": str(MAX_KEY)},
        )
    return Address(bucket, key, read_query(raw_query))


def read_query(raw: bytes) -> dict[str, str]:
    """The decoded query; of a parameter that is there twice the first counts."""
    found: dict[str, str] = {}
    for pair in raw.split(b"&") if raw else ():
        name, _, value = pair.partition(b"=")
        if name:
            found.setdefault(_decode(name), _decode(value))
    return found


def find_host_bucket(host: str, domains: Sequence[str]) -> str | None:
    """The bucket that a Host header names: `bucket.domain[:port]`."""
    name = host.partition(":")[0].lower()
    if not name or _ADDRESS.fullmatch(name):
        return None
    for domain in domains:
        if name.endswith(f".{domain}"):
            return name[: -len(domain) - 1]
    return None


def read_copy_source(value: str) -> tuple[str, str, str | None]:
    """Bucket, key and version of x-amz-copy-source. Raises StoreError."""
    path, mark, version = value.partition("?versionId=")
    bucket, slash, key = _decode(path.encode("latin-1")).removeprefix("/").partition("/")
    if not bucket or not slash or not key:
        raise refuse(
            "InvalidArgument",
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            {"ArgumentName": "x-amz-copy-source", "ArgumentValue": value},
        )
    return bucket, key, version if mark else None


def _decode(raw: bytes) -> str:
    try:
        return (unquote_to_bytes(raw) if b"%" in raw else raw).decode("utf-8")
    except UnicodeDecodeError:
        raise refuse("InvalidURI", "Couldn't parse the specified URI.") from None
