"""PutObjects: many small new objects in one request, each with a permission and an answer of its own.

This is ours and not S3's: `POST /bucket?x-aerodrome-put`, offered by a header of every listing. The body is a line of
JSON, `[[key, size], ...]`, and the bytes one after another. Objects are only made, never replaced, as with
`If-None-Match: *`. The answer is JSON: `{"etag"}` or `{"status", "code", "message"}` for each, in order.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from infra.object_store.errors import translate_failure
from infra.object_store.http.answers import Answer
from infra.object_store.http.errors import refuse, status_of
from infra.object_store.http.facts import read_facts
from infra.object_store.http.front import Call
from infra.object_store.http.receiving import read_text
from infra.object_store.model import Conditions, ObjectRef

log = logging.getLogger(__name__)
PARAMETER = "x-aerodrome-put"
MOST = 128
OFFER = (PARAMETER, str(MOST))
_NEW = Conditions(if_none_match=("*",))


async def put_objects(call: Call) -> Answer:
    """All of them share a commit where they can."""
    call.bucket()
    objects = _read(await read_text(call))
    outcomes = await asyncio.gather(*(_put(call, key, data) for key, data in objects))
    return Answer(200, (("content-type", "application/json"),), json.dumps(outcomes).encode())


async def _put(call: Call, key: str, data: bytes) -> dict[str, Any]:
    try:
        call.require("s3:PutObject", call.bucket_name, key)
        written = await call.store.put_object(ObjectRef(call.bucket_name, key), data, read_facts({}), _NEW)
    except Exception as error:
        refusal = translate_failure(error)
        if refusal.code == "InternalError":
            log.exception("an object of many was not written", extra={"request": call.head.request_id})
        return {"status": status_of(refusal), "code": refusal.code, "message": refusal.message}
    return {"etag": written.etag}


def _read(body: bytes) -> list[tuple[str, bytes]]:
    """The objects of a body. Raises StoreError."""
    head, _, content = body.partition(b"\n")
    try:
        index = json.loads(head)
        named = [(key, size) for key, size in index]
    except (ValueError, TypeError, RecursionError):
        raise refuse(
            "InvalidRequest", "cannot read the objects: the first line must be [[key, size], ...]"
        ) from None
    if not 1 <= len(named) <= MOST or not all(
        isinstance(key, str) and key and type(size) is int and size >= 0 for key, size in named
    ):
        raise refuse(
            "InvalidRequest", f"cannot write the objects: 1 to {MOST} keys with their sizes are needed"
        )
    if sum(size for _key, size in named) != len(content):
        raise refuse(
            "IncompleteBody", "cannot write the objects: their sizes are not those of the bytes that came"
        )
    found, at = [], 0
    for key, size in named:
        found.append((key, content[at : at + size]))
        at += size
    return found
