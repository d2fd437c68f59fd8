"""What a request promises of its body, and the body taken out of its chunks. Pure.

Promises: Content-Length, x-amz-decoded-content-length, x-amz-content-sha256, Content-MD5, x-amz-checksum-* as header
or trailer. One that is broken is found after the last byte and before anything is acknowledged.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast, get_args

from infra.object_store.errors import StoreError
from infra.object_store.http.chunked import ChunkReader, ChunkVerifier
from infra.object_store.http.errors import invalid_argument, refuse
from infra.object_store.model import Algorithm, Checksum, Expected

UNSIGNED = "UNSIGNED-PAYLOAD"
SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_CHUNKS_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_CHUNKED = (SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER, UNSIGNED_CHUNKS_TRAILER)
ALGORITHMS: tuple[str, ...] = get_args(Algorithm)
_SIZES = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}
CHECKSUM = "x-amz-checksum-"
MAX_OBJECT = 5 * 1024**3
"""Of one PUT, and of one part."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the headers say of the body. `payload`: x-amz-content-sha256."""

    payload: str = UNSIGNED
    length: int | None = None
    """Of the content; None when nobody says."""
    md5: bytes | None = None
    checksum: Checksum | None = None
    trailing: Algorithm | None = None
    """The algorithm whose checksum comes in the trailer."""

    @property
    def chunked(self) -> bool:
        """Whether the content lies in S3's own chunks."""
        return self.payload in _CHUNKED

    @property
    def sha256(self) -> str | None:
        """The hash of the whole body that was signed, in hex."""
        return None if self.chunked or self.payload == UNSIGNED else self.payload

    @property
    def algorithm(self) -> Algorithm | None:
        """What to count for the object's own checksum."""
        return self.checksum.algorithm if self.checksum is not None else self.trailing

    def algorithms(self) -> list[Algorithm]:
        """All that must be counted beside MD5."""
        wanted: set[Algorithm] = {"SHA256"} if self.sha256 is not None else set()
        if self.algorithm is not None:
            wanted.add(self.algorithm)
        return sorted(wanted)


def read_promise(headers: Mapping[str, str], payload: str) -> Promise:
    """The promises in a request's headers. Raises StoreError."""
    if payload.startswith("STREAMING-") and payload not in _CHUNKED:
        raise refuse("NotImplemented", f"cannot read a body of the kind {payload}: it is not implemented")
    chunked = payload in _CHUNKED
    length = _read_length(headers.get("x-amz-decoded-content-length" if chunked else "content-length"))
    if length is None and (chunked or "transfer-encoding" not in headers):
        raise refuse("MissingContentLength", "You must provide the Content-Length HTTP header.")
    if length is not None and length > MAX_OBJECT:
        raise too_large(length)
    checksum, trailing = read_checksum(headers), _read_trailing(headers, payload)
    _check_asked(headers, checksum, trailing)
    return Promise(payload, length, _read_md5(headers.get("content-md5")), checksum, trailing)


def read_checksum(headers: Mapping[str, str]) -> Checksum | None:
    """The one x-amz-checksum-* header. Raises StoreError."""
    given = [name for name in ALGORITHMS if CHECKSUM + name.lower() in headers]
    if len(given) > 1:
        raise refuse(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    if not given:
        return None
    value = headers[CHECKSUM + given[0].lower()]
    if not is_well_formed(given[0], value):
        raise refuse("InvalidRequest", f"Value for {CHECKSUM}{given[0].lower()} header is invalid.")
    return Checksum(read_algorithm(given[0]), value)


def read_algorithm(text: str) -> Algorithm:
    """An algorithm by its name. Raises StoreError."""
    if text.upper() not in ALGORITHMS:
        raise refuse("InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of the "
                     "valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")  # fmt: skip
    return cast(Algorithm, text.upper())


def is_well_formed(algorithm: str, value: str) -> bool:
    """Whether a value could be such a checksum."""
    try:
        return len(base64.b64decode(value, validate=True)) == _SIZES[algorithm]
    except ValueError:
        return False


def too_large(size: int) -> StoreError:
    """One PUT may be 5 GiB, S3's own limit."""
    return refuse(
        "EntityTooLarge",
        "Your proposed upload exceeds the maximum allowed size",
        {"ProposedSize": str(size), "MaxSizeAllowed": str(MAX_OBJECT)},
    )


class Intake:
    """Feed it the body as it came; it gives back the content. For one thread."""

    def __init__(self, promise: Promise, verifier: ChunkVerifier | None) -> None:
        self.promise = promise
        signed = promise.payload in (SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER)
        if signed and verifier is None:
            raise refuse("AccessDenied", "Chunks are signed by whoever signs the request: it is not signed.")
        with_trailer = promise.payload in (SIGNED_CHUNKS_TRAILER, UNSIGNED_CHUNKS_TRAILER)
        self._reader = ChunkReader(verifier if signed else None, with_trailer) if promise.chunked else None
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The content in these bytes. Raises StoreError."""
        pieces = [data] if self._reader is None else self._reader.feed(data)
        self._size += sum(map(len, pieces))
        limit = MAX_OBJECT if self.promise.length is None else self.promise.length
        if self._size > limit:
            raise too_large(self._size) if self.promise.length is None else incomplete()
        return pieces

    def finish(self) -> Expected:
        """After the last byte: what the content must be. Raises StoreError."""
        promise = self.promise
        unfinished = self._reader is not None and not self._reader.done
        if unfinished or (promise.length is not None and promise.length != self._size):
            raise incomplete()
        return Expected(promise.md5, promise.checksum if promise.trailing is None else self._read_trailer())

    def _read_trailer(self) -> Checksum:
        trailing, trailers = self.promise.trailing, self._reader.trailers if self._reader else {}
        value = "" if trailing is None else trailers.get(CHECKSUM + trailing.lower(), "")
        if trailing is None or not is_well_formed(trailing, value):
            raise refuse(
                "MalformedTrailerError", "The request contained trailing data that was not well-formed"
            )
        return Checksum(trailing, value)


def check_sha256(promise: Promise, digest: str) -> None:
    """The hash that was signed against the one that was counted, both in hex. Raises StoreError."""
    if promise.sha256 is not None and digest != promise.sha256:
        raise refuse(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            {"ClientComputedContentSHA256": promise.payload, "S3ComputedContentSHA256": digest},
        )


def incomplete() -> StoreError:
    """Fewer or more bytes than promised."""
    return refuse(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )


def _read_length(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdigit() or len(text) > 18:
        raise invalid_argument(
            "Content-Length", text, "cannot read the length of the body: it must be a number"
        )
    return int(text)


def _read_md5(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError:
        found = b""
    if len(found) != 16:
        raise refuse("InvalidDigest", "The Content-MD5 you specified was invalid.", {"Content-MD5": text})
    return found


def _check_asked(headers: Mapping[str, str], checksum: Checksum | None, trailing: Algorithm | None) -> None:
    text = headers.get("x-amz-sdk-checksum-algorithm")
    if text is None:
        return
    asked = read_algorithm(text)
    given = trailing if checksum is None else checksum.algorithm
    if given is None:
        raise refuse(
            "InvalidRequest",
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers "
            "were found.",
        )
    if given != asked:
        raise refuse("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")


def _read_trailing(headers: Mapping[str, str], payload: str) -> Algorithm | None:
    name = headers.get("x-amz-trailer", "").strip().lower()
    if not name or payload not in (SIGNED_CHUNKS_TRAILER, UNSIGNED_CHUNKS_TRAILER):
        return None
    if not name.startswith(CHECKSUM):
        raise refuse("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
    return read_algorithm(name.removeprefix(CHECKSUM))
