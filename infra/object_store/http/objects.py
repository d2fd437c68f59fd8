"""Objects: read, written, deleted; their tags."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from infra.object_store.errors import StoreError
from infra.object_store.http import xml
from infra.object_store.http.answers import Answer, error_answer, xml_answer
from infra.object_store.http.circumstances import name_tags
from infra.object_store.http.conditions import read_conditions, read_range
from infra.object_store.http.dates import to_http
from infra.object_store.http.errors import invalid_argument, not_implemented, refuse
from infra.object_store.http.facts import (
    MAX_TAGS,
    OVERRIDES,
    checksum_headers,
    object_headers,
    read_facts,
    version_headers,
    with_marker_headers,
)
from infra.object_store.http.front import Call
from infra.object_store.http.receiving import read_document, receive
from infra.object_store.interface import Content
from infra.object_store.model import MOST_PARTS, Deleted, ObjectHead, Written


async def get_object(call: Call) -> Answer:
    """The object or a range of it, from the disk to the socket piece by piece."""
    try:
        content = call.store.open_object(
            call.ref, read_conditions(call.head.headers), read_range(call.header("range")), read_part(call)
        )
    except StoreError as error:
        return _explain_missing(call, error)
    headers = _read_headers(call, content.head, content.partial)
    if content.partial and content.length:
        headers.append(
            (
                "content-range",
                f"bytes {content.start}-{content.start + content.length - 1}/{content.total}",
            )
        )
    status = 206 if content.partial else 200
    if content.data is not None:
        content.close()
        return Answer(status, headers, content.data)
    return Answer(status, headers, stream=_stream(content), length=content.length)


async def head_object(call: Call) -> Answer:
    try:
        content = call.store.open_object(
            call.ref, read_conditions(call.head.headers), read_range(call.header("range")), read_part(call)
        )
    except StoreError as error:
        return _explain_missing(call, error)
    with content:
        headers = _read_headers(call, content.head, content.partial)
        if content.partial and content.length:
            last = content.start + content.length - 1
            headers.append(("content-range", f"bytes {content.start}-{last}/{content.total}"))
        return Answer(206 if content.partial else 200, headers, length=content.length)


async def put_object(call: Call) -> Answer:
    headers = call.head.headers
    facts = read_facts(headers)
    if facts.tags:
        call.require("s3:PutObjectTagging", call.bucket_name, call.key)
    conditions = read_conditions(headers)
    if conditions.if_none_match not in (None, ("*",)) or conditions.if_modified_since is not None:
        raise refuse(
            "NotImplemented",
            "A header you provided implies functionality that is not implemented",
            {"Header": "If-None-Match"},
        )
    content, expected, algorithm = await receive(call)
    written = await call.store.put_object(call.ref, content, facts, conditions, expected, algorithm)
    return Answer(200, written_headers(call, written))


async def delete_object(call: Call) -> Answer:
    for name in ("x-amz-if-match-size", "x-amz-if-match-last-modified-time"):
        if name in call.head.headers:
            raise not_implemented(f"delete depending on {name}")
    deleted = await call.store.delete_object(call.ref, read_conditions(call.head.headers))
    return Answer(204, deleted_headers(deleted))


async def get_tagging(call: Call) -> Answer:
    found = call.store.get_tags(call.ref)
    body = xml.write_tags(found.facts.tags)
    return xml_answer(body, *version_headers(call.bucket(), found.version_id))


async def put_tagging(call: Call) -> Answer:
    tags = xml.read_tags(await read_document(call, "Tagging"), MAX_TAGS)
    action = call.operation.action if call.version_id is None else call.operation.version_action
    call.require(action, call.bucket_name, call.key, call.version_id, **name_tags(tags))
    found = await call.store.set_tags(call.ref, tags)
    return Answer(200, version_headers(call.bucket(), found.version_id))


async def delete_tagging(call: Call) -> Answer:
    found = await call.store.set_tags(call.ref, {})
    return Answer(204, version_headers(call.bucket(), found.version_id))


def read_part(call: Call) -> int | None:
    """partNumber of a read. Raises StoreError."""
    text = call.query.get("partNumber")
    if text is None:
        return None
    if not text.isdigit() or not 1 <= int(text) <= MOST_PARTS:
        raise invalid_argument(
            "partNumber", text, f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive"
        )
    if call.header("range") is not None:
        raise refuse("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
    return int(text)


def written_headers(call: Call, written: Written) -> list[tuple[str, str]]:
    """What a write answers."""
    return [
        ("etag", f'"{written.etag}"'),
        *version_headers(call.bucket(), written.version_id),
        *checksum_headers(written.checksum),
    ]


def deleted_headers(deleted: Deleted) -> list[tuple[str, str]]:
    """What a deletion answers."""
    found = [("x-amz-version-id", deleted.version_id)] if deleted.version_id else []
    return [*found, ("x-amz-delete-marker", "true")] if deleted.delete_marker else found


def _read_headers(call: Call, found: ObjectHead, partial: bool) -> list[tuple[str, str]]:
    wants = call.header("x-amz-checksum-mode") == "ENABLED" and call.header("range") is None
    headers = object_headers(found, call.bucket(), checksums=wants)
    overrides = {OVERRIDES[name]: value for name, value in call.query.items() if name in OVERRIDES}
    if overrides:
        if call.visitor.anonymous:
            raise refuse(
                "InvalidRequest",
                "Request specific response headers cannot be used for anonymous GET requests.",
            )
        clean = {name: value.replace("\r", " ").replace("\n", " ") for name, value in overrides.items()}
        headers = [*(pair for pair in headers if pair[0] not in clean), *clean.items()]
    if "partNumber" in call.query and found.parts:
        headers.append(("x-amz-mp-parts-count", str(found.parts)))
    return headers


def _explain_missing(call: Call, error: StoreError) -> Answer:
    """Who may not list a bucket does not learn what is not in it."""
    if error.code == "NotModified":
        modified = float(error.fields.get("LastModified", "0"))
        return Answer(
            304, [("etag", f'"{error.fields.get("ETag", "")}"'), ("last-modified", to_http(modified))]
        )
    if error.code == "NoSuchKey" and call.find_refusal("s3:ListBucket", call.bucket_name) is not None:
        reason = call.find_refusal("s3:ListBucket", call.bucket_name)
        raise refuse("AccessDenied", reason or "Access Denied")
    answer = error_answer(error, call.head)
    if "DeleteMarker" in error.fields or error.code == "MethodNotAllowed":
        extra = with_marker_headers(error)
        if error.code == "MethodNotAllowed":
            extra.append(("allow", "DELETE"))
        return Answer(answer.status, (*answer.headers, *extra), answer.body)
    return answer


async def _stream(content: Content) -> AsyncGenerator[bytes]:
    with content:
        async for piece in content.chunks():
            yield piece
