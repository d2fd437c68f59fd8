"""Bodies in S3's own chunks (`aws-chunked`): taken apart, signatures checked as they pass. Pure.

10000;chunk-signature=...\\r\\n  <bytes>  \\r\\n  ...  0;chunk-signature=...\\r\\n  trailers  \\r\\n
"""

from __future__ import annotations

import hashlib
import re
from typing import Protocol

from infra.object_store.errors import StoreError
from infra.object_store.http.errors import refuse

_SIZE = re.compile(rb"([0-9a-fA-F]{1,10})(?:;chunk-signature=([0-9a-f]{64}))?")
_LONGEST_LINE = 256
_LONGEST_TRAILER = 4096
_TRAILER_SIGNATURE = "x-amz-trailer-signature"


class ChunkVerifier(Protocol):
    """Knows what the chunks of one request must be signed with, one after the other."""

    def check_chunk(self, digest: str, signature: str) -> bool:
        """Whether the next chunk, whose SHA-256 this is, has the signature it must have."""
        ...

    def check_trailer(self, digest: str, signature: str) -> bool:
        """The same for the trailers."""
        ...


class ChunkReader:
    """Feed it what comes in; it gives back what is content. `verifier` None: the chunks are not signed."""

    def __init__(self, verifier: ChunkVerifier | None, with_trailer: bool) -> None:
        self._verifier = verifier
        self._with_trailer = with_trailer
        self._buffer = bytearray()
        self._left = 0
        self._state = "size"
        self._signature = ""
        self._hash = hashlib.sha256()
        self._signed_lines = bytearray()
        self.trailers: dict[str, str] = {}
        self.done = False

    def feed(self, data: bytes) -> list[bytes]:
        """The content in these bytes. Raises StoreError."""
        found: list[bytes] = []
        if self._state == "data" and not self._buffer and len(data) <= self._left:
            self._take(data, found)  # the usual case of a large chunk: nothing is copied
            return found
        self._buffer += data
        while self._step(found):
            pass
        return found

    def _step(self, found: list[bytes]) -> bool:
        """One step; False when more bytes are needed."""
        if self._state == "data":
            return self._read_data(found)
        if self._state == "end":
            if self._buffer:
                raise _broken()
            return False
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > (_LONGEST_TRAILER if self._state == "trailer" else _LONGEST_LINE):
                raise _broken()
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        {"size": self._read_size, "gap": self._read_gap, "trailer": self._read_trailer}[self._state](line)
        return True

    def _read_size(self, line: bytes) -> None:
        match = _SIZE.fullmatch(line.strip())
        if match is None or (self._verifier is not None) != (match.group(2) is not None):
            raise _broken()
        self._left = int(match.group(1), 16)
        self._signature = (match.group(2) or b"").decode()
        self._hash = hashlib.sha256()
        if self._left:
            self._state = "data"
            return
        self._close_chunk()
        self._state = "trailer"

    def _read_data(self, found: list[bytes]) -> bool:
        if not self._buffer:
            return False
        piece = bytes(self._buffer[: self._left])
        del self._buffer[: len(piece)]
        self._take(piece, found)
        return True

    def _take(self, piece: bytes, found: list[bytes]) -> None:
        if self._verifier is not None:
            self._hash.update(piece)
        self._left -= len(piece)
        found.append(piece)
        if not self._left:
            self._close_chunk()
            self._state = "gap"

    def _read_gap(self, line: bytes) -> None:
        if line:
            raise _broken()
        self._state = "size"

    def _read_trailer(self, line: bytes) -> None:
        if not line:
            self._finish()
            return
        if not self._with_trailer:
            raise _broken()
        name, colon, value = line.decode("latin-1").partition(":")
        name = name.strip().lower()
        if not colon or len(self.trailers) > 10:
            raise refuse(
                "MalformedTrailerError", "The request contained trailing data that was not well-formed"
            )
        self.trailers[name] = value.strip()
        if name != _TRAILER_SIGNATURE:
            self._signed_lines += f"{name}:{value.strip()}\n".encode("latin-1")

    def _close_chunk(self) -> None:
        if self._verifier is not None and not self._verifier.check_chunk(
            self._hash.hexdigest(), self._signature
        ):
            raise _mismatch()

    def _finish(self) -> None:
        signature = self.trailers.pop(_TRAILER_SIGNATURE, None)
        if self._verifier is not None and self._with_trailer:
            digest = hashlib.sha256(self._signed_lines).hexdigest()
            if signature is None or not self._verifier.check_trailer(digest, signature):
                raise _mismatch()
        self._state = "end"
        self.done = True


def _broken() -> StoreError:
    return refuse("IncompleteBody", "The request body is not well-formed aws-chunked content")


def _mismatch() -> StoreError:
    return refuse(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method.",
    )
