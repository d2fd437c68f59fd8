"""Bodies on their way in: what they promise, S3's own chunks, and every way to break them."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.object_store.errors import StoreError
from infra.object_store.http.intake import (
    SIGNED_CHUNKS,
    SIGNED_CHUNKS_TRAILER,
    UNSIGNED_CHUNKS_TRAILER,
    Intake,
    Promise,
    check_sha256,
    read_promise,
)


class Chain:
    """Signs each chunk with its number and its hash."""

    def __init__(self) -> None:
        self.count = 0

    def sign(self, digest: str) -> str:
        self.count += 1
        return hashlib.sha256(f"{self.count} {digest}".encode()).hexdigest()

    def check_chunk(self, digest: str, signature: str) -> bool:
        return self.sign(digest) == signature

    check_trailer = check_chunk


def crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def chunked(pieces: list[bytes], signed: bool, trailer: bytes = b"") -> bytes:
    chain, found = Chain(), b""
    for piece in [*pieces, b""]:
        mark = f";chunk-signature={chain.sign(hashlib.sha256(piece).hexdigest())}" if signed else ""
        found += b"%x%b\r\n%b" % (len(piece), mark.encode(), piece + b"\r\n" if piece else b"")
    if trailer:
        found += trailer + b"\r\n"
        if signed:
            digest = hashlib.sha256(trailer + b"\n").hexdigest()
            found += b"x-amz-trailer-signature:" + chain.sign(digest).encode() + b"\r\n"
    return found + b"\r\n"


def take(intake: Intake, raw: bytes, step: int) -> bytes:
    found = b"".join(piece for at in range(0, len(raw), step) for piece in intake.feed(raw[at : at + step]))
    intake.finish()
    return found


def code_of(act: object) -> str:
    with pytest.raises(StoreError) as refused:
        act()  # type: ignore[operator]
    return refused.value.code


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.integers(1, 400), st.booleans())
def test_content_comes_out_of_its_chunks_however_it_is_cut(
    pieces: list[bytes], step: int, signed: bool
) -> None:
    body = b"".join(pieces)
    kind = SIGNED_CHUNKS_TRAILER if signed else UNSIGNED_CHUNKS_TRAILER
    promise = Promise(kind, len(body), trailing="CRC32")
    trailer = b"x-amz-checksum-crc32:" + crc32(body).encode()
    intake = Intake(promise, Chain() if signed else None)
    assert take(intake, chunked(pieces, signed, trailer), step) == body
    checksum = intake.finish().checksum
    assert checksum is not None and (checksum.algorithm, checksum.value) == ("CRC32", crc32(body))


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_signed_chunk_with_any_changed_byte_is_refused(place: int, change: int) -> None:
    good = chunked([b"a" * 50, b"b" * 20], signed=True)
    at = place % len(good)
    bad = good[:at] + bytes([good[at] ^ change]) + good[at + 1 :]
    try:
        got = take(Intake(Promise(SIGNED_CHUNKS, 70), Chain()), bad, 7)
    except StoreError:
        return
    assert got == b"a" * 50 + b"b" * 20  # e.g. the case of a size's digits: nothing that is content


@pytest.mark.parametrize(
    "raw",
    [
        b"5\r\nabcde\r\n",
        b"zz\r\n",
        b"5\r\nabcdeXX0\r\n\r\n",
        b"0\r\n\r\nmore",
        b"0\r\nx:y\r\n\r\n",
        b"9" * 400,
    ],
)
def test_broken_chunks_are_refused(raw: bytes) -> None:
    intake = Intake(Promise(SIGNED_CHUNKS if b"x:y" in raw else UNSIGNED_CHUNKS_TRAILER, 5), Chain())
    assert code_of(lambda: take(intake, raw, 3)) in ("IncompleteBody", "MalformedTrailerError")


def test_more_or_fewer_bytes_than_promised_are_refused() -> None:
    assert code_of(lambda: take(Intake(Promise(length=5), None), b"1234", 9)) == "IncompleteBody"
    assert code_of(lambda: take(Intake(Promise(length=5), None), b"123456", 9)) == "IncompleteBody"


def test_the_signed_hash_of_a_body_must_be_its_own() -> None:
    promise = Promise(hashlib.sha256(b"good").hexdigest(), 4)
    check_sha256(promise, hashlib.sha256(b"good").hexdigest())
    evil = hashlib.sha256(b"evil").hexdigest()
    assert code_of(lambda: check_sha256(promise, evil)) == "XAmzContentSHA256Mismatch"


@pytest.mark.parametrize(
    ("headers", "payload", "code"),
    [
        ({}, "UNSIGNED-PAYLOAD", "MissingContentLength"),
        ({"content-length": "1"}, UNSIGNED_CHUNKS_TRAILER, "MissingContentLength"),
        ({"content-length": str(5 * 1024**3 + 1)}, "UNSIGNED-PAYLOAD", "EntityTooLarge"),
        ({"content-length": "1", "content-md5": "nonsense"}, "UNSIGNED-PAYLOAD", "InvalidDigest"),
        ({"content-length": "1", "x-amz-checksum-crc32": "AA=="}, "UNSIGNED-PAYLOAD", "InvalidRequest"),
        (
            {"content-length": "1", "x-amz-sdk-checksum-algorithm": "MD4"},
            "UNSIGNED-PAYLOAD",
            "InvalidRequest",
        ),
        (
            {"content-length": "1", "x-amz-sdk-checksum-algorithm": "SHA1"},
            "UNSIGNED-PAYLOAD",
            "InvalidRequest",
        ),
        ({"content-length": "1"}, "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "NotImplemented"),
    ],
)
def test_promises_that_cannot_be_kept_are_refused_before_the_body(
    headers: dict[str, str], payload: str, code: str
) -> None:
    assert code_of(lambda: read_promise(headers, payload)) == code
