"""Digests of bodies: MD5 for ETags, and the five checksums of S3, whole or combined from parts.

CRC32C and CRC64NVME come from awscrt, which is imported when a caller first asks for one: it costs some 9 MB.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from infra.object_store.errors import StoreError
from infra.object_store.model import Algorithm, Checksum, ChecksumType, Expected

_WIDTHS: Mapping[str, int] = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc:
    """A running CRC with hashlib's face."""

    def __init__(self, step: Callable[[bytes, int], int], width: int) -> None:
        self._step, self._width, self._value = step, width, 0

    def update(self, data: bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._width, "big")


class Hasher:
    """MD5 and the checksums asked for, fed together."""

    def __init__(self, algorithms: Sequence[Algorithm] = ()) -> None:
        self._digests: dict[str, Digest] = {"MD5": hashlib.md5(usedforsecurity=False)}
        for algorithm in algorithms:
            self._digests[algorithm] = start_digest(algorithm)

    def update(self, data: bytes) -> None:
        for digest in self._digests.values():
            digest.update(data)

    def digests(self) -> dict[str, bytes]:
        return {name: digest.digest() for name, digest in self._digests.items()}


def start_digest(algorithm: Algorithm) -> Digest:
    """An empty digest. Raises InvalidRequest for an algorithm S3 does not have."""
    if algorithm == "CRC32":
        return _Crc(zlib.crc32, 4)
    if algorithm == "SHA1":
        return hashlib.sha1(usedforsecurity=False)
    if algorithm == "SHA256":
        return hashlib.sha256()
    if algorithm in _WIDTHS:
        from awscrt import checksums

        step: Callable[[bytes, int], int] = getattr(checksums, algorithm.lower())
        return _Crc(step, _WIDTHS[algorithm])
    raise StoreError("InvalidRequest", f"cannot compute a checksum by {algorithm}: S3 has no such algorithm")


def digest_of(algorithm: Algorithm, data: bytes) -> bytes:
    digest = start_digest(algorithm)
    digest.update(data)
    return digest.digest()


def encode(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")


def decode(checksum: Checksum) -> bytes:
    """The raw digest. Raises InvalidRequest when it is no base64 of the algorithm's width."""
    try:
        raw = base64.b64decode(checksum.value.partition("-")[0], validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _WIDTHS.get(checksum.algorithm, -1):
        raise StoreError(
            "InvalidRequest", f"Value for x-amz-checksum-{checksum.algorithm.lower()} header is invalid."
        )
    return raw


def verify(expected: Expected, digests: Mapping[str, bytes]) -> None:
    """Raise BadDigest when a body is not what its sender said."""
    if expected.md5 is not None and expected.md5 != digests["MD5"]:
        raise StoreError(
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
            ExpectedDigest=encode(expected.md5),
            CalculatedDigest=encode(digests["MD5"]),
        )
    claimed = expected.checksum
    if claimed is not None and decode(claimed) != digests[claimed.algorithm]:
        raise StoreError(
            "BadDigest", f"The {claimed.algorithm} you specified did not match the calculated checksum."
        )


def choose_type(algorithm: Algorithm, asked: ChecksumType | None) -> ChecksumType:
    """The checksum type of an upload. Raises InvalidRequest for a pair S3 does not have."""
    if asked is None:
        return "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"
    if (asked == "FULL_OBJECT" and algorithm.startswith("SHA")) or (
        asked == "COMPOSITE" and algorithm == "CRC64NVME"
    ):
        raise StoreError(
            "InvalidRequest",
            f"The {asked} checksum type cannot be used with the {algorithm} checksum algorithm.",
        )
    return asked


def combine(algorithm: Algorithm, kind: ChecksumType, parts: Sequence[tuple[str, int]]) -> Checksum:
    """The checksum of an object from those of its parts, each (base64, size)."""
    raws = [base64.b64decode(value) for value, _ in parts]
    if kind == "COMPOSITE":
        whole = digest_of(algorithm, b"".join(raws))
        return Checksum(algorithm, f"{encode(whole)}-{len(parts)}", kind)
    from awscrt import checksums

    join: Callable[[int, int, int], int] = getattr(checksums, f"combine_{algorithm.lower()}")
    value = int.from_bytes(raws[0], "big")
    for raw, (_, size) in zip(raws[1:], parts[1:], strict=True):
        value = join(value, int.from_bytes(raw, "big"), size)
    return Checksum(algorithm, encode(value.to_bytes(_WIDTHS[algorithm], "big")), kind)
