"""A body on its way in: taken out of its chunks, counted, and compared with all that the request promised. Pure.

Promises: Content-Length, x-amz-decoded-content-length, x-amz-content-sha256, Content-MD5, x-amz-checksum-* as header
or trailer. A body that breaks one of them is refused after its last byte, before anything is acknowledged.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from infra.object_store.http import checksums
from infra.object_store.http.chunked import ChunkReader, ChunkVerifier
from infra.object_store.http.errors import S3Error, invalid_argument

UNSIGNED = "UNSIGNED-PAYLOAD"
SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_CHUNKS_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_CHUNKED = (SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER, UNSIGNED_CHUNKS_TRAILER)
_DIGEST = re.compile(r"[0-9a-f]{64}")
MAX_OBJECT = 5 * 1024**3
"""Of one PUT, and of one part."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the headers say of the body. `payload`: x-amz-content-sha256."""

    payload: str = UNSIGNED
    length: int | None = None
    """Of the content; None when nobody says."""
    md5: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    trailing: str | None = None
    """The algorithm whose checksum comes in the trailer."""

    @property
    def chunked(self) -> bool:
        return self.payload in _CHUNKED

    @property
    def sha256(self) -> str | None:
        """The hash of the whole body that was signed."""
        return None if self.chunked or self.payload == UNSIGNED else self.payload


@dataclass(frozen=True, slots=True)
class Received:
    """What came, all promises kept. `md5` in hex, where it was counted."""

    size: int
    checksums: Mapping[str, str]


def read_promise(headers: Mapping[str, str], payload: str) -> Promise:
    """The promises in a request's headers. Raises S3Error."""
    if payload.startswith("STREAMING-") and payload not in _CHUNKED:
        raise S3Error("NotImplemented", f"cannot read a body of the kind {payload}: it is not implemented")
    chunked = payload in _CHUNKED
    name = "x-amz-decoded-content-length" if chunked else "content-length"
    length = _read_length(headers.get(name))
    if chunked and length is None:
        raise S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.")
    if length is not None and length > MAX_OBJECT:
        raise too_large(length)
    given = checksums.find_in(headers)
    _check_given(given)
    trailing = _read_trailing(headers, payload)
    asked = headers.get("x-amz-sdk-checksum-algorithm", "").upper()
    if asked and asked not in checksums.ALGORITHMS:
        raise invalid_argument("x-amz-sdk-checksum-algorithm", asked, "Checksum algorithm provided is unsupported.")
    if asked and asked not in given and trailing != asked:
        raise S3Error(
            "InvalidRequest",
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers "
            "were found.",
        )
    return Promise(payload, length, _read_md5(headers.get("content-md5")), given, trailing)


def too_large(size: int) -> S3Error:
    """One PUT may be 5 GiB, S3's own limit."""
    return S3Error(
        "EntityTooLarge",
        "Your proposed upload exceeds the maximum allowed size",
        {"ProposedSize": str(size), "MaxSizeAllowed": str(MAX_OBJECT)},
    )


class Intake:
    """Feed it the body as it came; it gives back the content. Not for two threads at once."""

    def __init__(self, promise: Promise, verifier: ChunkVerifier | None, also: Iterable[str] = ()) -> None:
        """`also`: algorithms to count although nothing is promised of them."""
        self._promise = promise
        signed = promise.payload in (SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER)
        with_trailer = promise.payload in (SIGNED_CHUNKS_TRAILER, UNSIGNED_CHUNKS_TRAILER)
        self._reader = ChunkReader(verifier if signed else None, with_trailer) if promise.chunked else None
        wanted = {*promise.checksums, *also, *([promise.trailing] if promise.trailing else [])}
        self._running = {name: checksums.start(name) for name in wanted}
        self._sha256 = hashlib.sha256() if promise.sha256 is not None else None
        self._md5 = None if promise.md5 is None else hashlib.md5(usedforsecurity=False)
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The content in these bytes. Raises S3Error."""
        if self._sha256 is not None:
            self._sha256.update(data)
        pieces = [data] if self._reader is None else self._reader.feed(data)
        for piece in pieces:
            self._count(piece)
        return pieces

    def finish(self) -> Received:
        """After the last byte. Raises S3Error: the promise that was broken."""
        promise = self._promise
        if self._reader is not None and not self._reader.done:
            raise incomplete()
        if promise.length is not None and promise.length != self._size:
            raise incomplete()
        if self._sha256 is not None and not hmac.compare_digest(self._sha256.hexdigest(), promise.payload):
            raise S3Error(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                {
                    "ClientComputedContentSHA256": promise.payload,
                    "S3ComputedContentSHA256": self._sha256.hexdigest(),
                },
            )
        self._check_md5()
        found = {name: checksums.encode(running.digest()) for name, running in self._running.items()}
        for name, value in self._promised():
            if found.get(name) != value:
                raise S3Error("BadDigest", f"The {name} you specified did not match the calculated checksum.")
        return Received(self._size, found)

    def _count(self, piece: bytes) -> None:
        self._size += len(piece)
        limit = self._promise.length if self._promise.length is not None else MAX_OBJECT
        if self._size > limit:
            raise too_large(self._size) if limit == MAX_OBJECT else incomplete()
        if self._md5 is not None:
            self._md5.update(piece)
        for running in self._running.values():
            running.update(piece)

    def _check_md5(self) -> None:
        if self._md5 is None:
            return
        counted = base64.b64encode(self._md5.digest()).decode()
        if counted != self._promise.md5:
            raise S3Error(
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
                {"ExpectedDigest": str(self._promise.md5), "CalculatedDigest": counted},
            )

    def _promised(self) -> Iterable[tuple[str, str]]:
        yield from self._promise.checksums.items()
        if self._promise.trailing is not None:
            trailers = self._reader.trailers if self._reader is not None else {}
            value = trailers.get(checksums.PREFIX + self._promise.trailing.lower())
            if value is None:
                raise S3Error(
                    "MalformedTrailerError", "The request contained trailing data that was not well-formed"
                )
            yield self._promise.trailing, value


def incomplete() -> S3Error:
    """Fewer or more bytes than promised."""
    return S3Error(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )


def _read_length(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdigit() or len(text) > 18:
        raise invalid_argument("Content-Length", text, "cannot read the length of the body: it must be a number")
    return int(text)


def _read_md5(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        good = len(base64.b64decode(text, validate=True)) == 16
    except ValueError:
        good = False
    if not good:
        raise S3Error("InvalidDigest", "The Content-MD5 you specified was invalid.", {"Content-MD5": text})
    return text


def _check_given(given: Mapping[str, str]) -> None:
    if len(given) > 1:
        raise S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    for name, value in given.items():
        if not checksums.is_well_formed(name, value):
            raise S3Error("InvalidRequest", f"Value for {checksums.PREFIX}{name.lower()} header is invalid.")


def _read_trailing(headers: Mapping[str, str], payload: str) -> str | None:
    name = headers.get("x-amz-trailer", "").strip().lower()
    if not name or payload not in (SIGNED_CHUNKS_TRAILER, UNSIGNED_CHUNKS_TRAILER):
        return None
    algorithm = name.removeprefix(checksums.PREFIX).upper()
    if not name.startswith(checksums.PREFIX) or algorithm not in checksums.ALGORITHMS:
        raise S3Error("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
    return algorithm
