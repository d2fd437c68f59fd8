"""A request's body into the store, or as a document: every promise about it checked on the way."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from infra.object_store.http import xml
from infra.object_store.http.body import SMALL
from infra.object_store.http.errors import refuse
from infra.object_store.http.front import Call
from infra.object_store.http.intake import CHECKSUM, Intake, check_sha256, read_promise
from infra.object_store.interface import Body
from infra.object_store.model import Algorithm, Expected

_PIECE = 256 << 10
_DOCUMENT = 4 << 20


async def receive(
    call: Call, also: Sequence[Algorithm] = ()
) -> tuple[Body | bytes, Expected, Algorithm | None]:
    """The content, what it must be, and the algorithm it came with. A Body must be written or discarded.

    Small ones are bytes. Raises StoreError.
    """
    promise = read_promise(call.head.headers, call.visitor.payload)
    intake = Intake(promise, call.visitor.chunks)
    if promise.length is not None and promise.length <= SMALL:
        content = await _read_whole(call, intake, SMALL)
        expected = intake.finish()
        if promise.sha256 is not None:
            check_sha256(promise, hashlib.sha256(content).hexdigest())
        return content, expected, promise.algorithm
    sink = call.store.receive(sorted({*promise.algorithms(), *also}))
    try:
        while data := await call.body.read(_PIECE):
            for piece in intake.feed(data):
                await sink.write(piece)
        expected = intake.finish()
        if promise.sha256 is not None:
            check_sha256(promise, (await sink.finish())["SHA256"].hex())
    except BaseException:
        await sink.discard()
        raise
    return sink, expected, promise.algorithm


async def read_document(
    call: Call, root: str, *, needs_digest: bool = False, checksum_is_of_object: bool = False
) -> Element:
    """The XML of a request. Raises StoreError."""
    text = await read_text(call, needs_digest=needs_digest, checksum_is_of_object=checksum_is_of_object)
    return xml.read(text, root)


async def read_text(call: Call, *, needs_digest: bool = False, checksum_is_of_object: bool = False) -> bytes:
    """A small body, whole. Raises StoreError."""
    headers = call.head.headers
    if checksum_is_of_object:
        headers = {name: value for name, value in headers.items() if not name.startswith(CHECKSUM)}
    promise = read_promise(headers, call.visitor.payload)
    if needs_digest and promise.md5 is None and promise.algorithm is None:
        raise refuse(
            "InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
        )
    intake = Intake(promise, call.visitor.chunks)
    content = await _read_whole(call, intake, _DOCUMENT)
    expected = intake.finish()
    sink = call.store.receive(promise.algorithms())
    try:
        await sink.write(content)
        digests = await sink.finish()
    finally:
        await sink.discard()
    if promise.sha256 is not None:
        check_sha256(promise, digests["SHA256"].hex())
    if expected.md5 is not None and digests["MD5"] != expected.md5:
        raise refuse("BadDigest", "The Content-MD5 you specified did not match what we received.")
    checksum = expected.checksum
    if checksum is not None and base64.b64encode(digests[checksum.algorithm]).decode() != checksum.value:
        raise refuse(
            "BadDigest", f"The {checksum.algorithm} you specified did not match the calculated checksum."
        )
    return content


async def _read_whole(call: Call, intake: Intake, limit: int) -> bytes:
    found: list[bytes] = []
    total = 0
    while data := await call.body.read(_PIECE):
        for piece in intake.feed(data):
            total += len(piece)
            if total > limit:
                raise refuse("MaxMessageLengthExceeded", "Your request was too big.")
            found.append(piece)
    return found[0] if len(found) == 1 else b"".join(found)
