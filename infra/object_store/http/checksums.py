"""The five checksums of S3: names, running values, and what multipart uploads make of them. Pure.

CRC32C and CRC64NVME are counted by awscrt where it is installed, and by tables in Python (slow, correct) where it
is not.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
PREFIX = "x-amz-checksum-"
FULL_OBJECT, COMPOSITE = "FULL_OBJECT", "COMPOSITE"
_BITS = {"CRC32": (32, 0xEDB88320), "CRC32C": (32, 0x82F63B78), "CRC64NVME": (64, 0x9A6C9329AC4BC9B5)}
"""Width and reflected polynomial."""


class Running(Protocol):
    """A checksum that is being counted."""

    def update(self, data: bytes) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    """A running CRC."""

    def __init__(self, algorithm: str) -> None:
        self._step = _find_crc(algorithm)
        self._size = _BITS[algorithm][0] // 8
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


def start(algorithm: str) -> Running:
    """A new running checksum."""
    if algorithm in _BITS:
        return _Crc(algorithm)
    return hashlib.new(algorithm, usedforsecurity=False)


def count(algorithm: str, data: bytes) -> str:
    """The checksum of these bytes, as headers carry it."""
    running = start(algorithm)
    running.update(data)
    return encode(running.digest())


def encode(digest: bytes) -> str:
    """As headers carry it."""
    return base64.b64encode(digest).decode()


def is_well_formed(algorithm: str, value: str) -> bool:
    """Whether a header's value could be such a checksum."""
    try:
        size = len(base64.b64decode(value, validate=True))
    except ValueError:
        return False
    return size == len(start(algorithm).digest())


def compose(algorithm: str, parts: Iterable[str]) -> str:
    """The composite checksum of parts: that of their digests, with their number."""
    digests = [base64.b64decode(part) for part in parts]
    return f"{count(algorithm, b''.join(digests))}-{len(digests)}"


def default_type(algorithm: str) -> str:
    """Of a multipart upload that does not say."""
    return FULL_OBJECT if algorithm == "CRC64NVME" else COMPOSITE


def join_crcs(algorithm: str, parts: Iterable[tuple[str, int]]) -> str:
    """The CRC of a whole from those of its parts and their sizes: nothing is read again."""
    bits, polynomial = _BITS[algorithm]
    whole = 0
    for value, size in parts:
        whole = _shift(whole, size, bits, polynomial) ^ int.from_bytes(base64.b64decode(value), "big")
    return encode(whole.to_bytes(bits // 8, "big"))


def _shift(crc: int, size: int, bits: int, polynomial: int) -> int:
    """A CRC after so many zero bytes: squares of the one-bit shift, as matrices over bits."""
    matrix = [polynomial, *(1 << at for at in range(bits - 1))]
    length = size * 8
    while length and crc:
        if length & 1:
            crc = _times(matrix, crc)
        length >>= 1
        matrix = [_times(matrix, row) for row in matrix]
    return crc


def _times(matrix: list[int], vector: int) -> int:
    total = 0
    for row in matrix:
        if not vector:
            break
        if vector & 1:
            total ^= row
        vector >>= 1
    return total


@functools.cache
def _find_crc(algorithm: str) -> Callable[[bytes, int], int]:
    if algorithm == "CRC32":
        return zlib.crc32
    try:
        fast = importlib.import_module("awscrt.checksums")
    except ImportError:
        return functools.partial(_count_slowly, _table(algorithm), (1 << _BITS[algorithm][0]) - 1)
    found: Callable[[bytes, int], int] = getattr(fast, algorithm.lower())
    return found


def _count_slowly(table: list[int], mask: int, data: bytes, before: int) -> int:
    crc = before ^ mask
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ mask


def _table(algorithm: str) -> list[int]:
    polynomial = _BITS[algorithm][1]
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (polynomial if crc & 1 else 0)
        table.append(crc)
    return table


def find_in(headers: Mapping[str, str]) -> dict[str, str]:
    """The checksums among headers: algorithm -> value."""
    return {name: headers[PREFIX + name.lower()] for name in ALGORITHMS if PREFIX + name.lower() in headers}
