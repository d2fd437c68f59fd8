"""The canonical request and the string to sign of Signature Version 4. Pure; on the bytes as sent."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
SIGNATURE_PARAMETER = "X-Amz-Signature"
_UNRESERVED = "-._~"
_ABSOLUTE = re.compile(rb"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?]*")


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as it came in: raw target, headers in their order (names in lower case), body."""

    method: str
    target: bytes
    headers: Sequence[tuple[str, bytes]]
    body: bytes

    def values(self, name: str) -> list[bytes]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    @property
    def path(self) -> bytes:
        """The raw path; an absolute-form target loses its scheme and host."""
        return _ABSOLUTE.sub(b"", self.target).partition(b"?")[0] or b"/"

    @property
    def query(self) -> list[tuple[bytes, bytes]]:
        """The decoded query pairs, in their order. A plus is a plus."""
        pairs = (pair.partition(b"=") for pair in self.target.partition(b"?")[2].split(b"&") if pair)
        return [(unquote_to_bytes(key), unquote_to_bytes(value)) for key, _, value in pairs]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signing key is good for."""

    date: str
    region: str
    service: str
    terminator: str = "aws4_request"

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{self.terminator}"


def canonical_request(request: Request, signed_headers: Sequence[str], normalize: bool = False) -> bytes:
    """What both sides hash.

    The path is encoded once more as it stands (an ARN sent as `%3A` is signed as `%253A`); with `normalize`,
    dot segments and double slashes are resolved first, as the published test suite wants. The payload hash is
    always that of the body: what the client claims about it is never used.
    """
    path = normalize_path(request.path) if normalize else request.path
    return b"\n".join(
        [
            request.method.encode(),
            quote(path, safe="/" + _UNRESERVED).encode(),
            _canonical_query(request.query),
            *(f"{name}:".encode() + _canonical_values(request.values(name)) for name in signed_headers),
            b"",
            ";".join(signed_headers).encode(),
            hashlib.sha256(request.body).hexdigest().encode(),
        ]
    )


def string_to_sign(timestamp: str, scope: Scope, canonical: bytes) -> str:
    """What is signed."""
    return "\n".join([ALGORITHM, timestamp, str(scope), hashlib.sha256(canonical).hexdigest()])


def normalize_path(path: bytes) -> bytes:
    """Without dot segments and double slashes; a trailing slash stays."""
    resolved = b"/" + posixpath.normpath(path).lstrip(b"/")
    ends_in_folder = path.endswith((b"/", b"/.", b"/.."))
    return resolved + b"/" if ends_in_folder and resolved != b"/" else resolved


def _canonical_query(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    encoded = (
        (quote(key, safe=_UNRESERVED), quote(value, safe=_UNRESERVED))
        for key, value in pairs
        if key != SIGNATURE_PARAMETER.encode()
    )
    return "&".join(f"{key}={value}" for key, value in sorted(encoded)).encode()


def _canonical_values(values: Iterable[bytes]) -> bytes:
    return b",".join(b" ".join(value.split()) for value in values)
