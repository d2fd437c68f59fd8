"""Copies within the store: CopyObject and UploadPartCopy."""

from __future__ import annotations

from infra.object_store.errors import StoreError
from infra.object_store.http import xml
from infra.object_store.http.answers import Answer, xml_answer
from infra.object_store.http.conditions import OF_SOURCE, read_conditions, read_copy_range
from infra.object_store.http.dates import to_iso
from infra.object_store.http.errors import invalid_argument, refuse
from infra.object_store.http.facts import checksum_members, read_facts, read_tag_header, version_headers
from infra.object_store.http.front import Call
from infra.object_store.http.intake import MAX_OBJECT, read_algorithm
from infra.object_store.http.multipart import read_number, upload_id
from infra.object_store.http.request import read_copy_source
from infra.object_store.model import ObjectHead, ObjectRef

_DIRECTIVES = ("COPY", "REPLACE")


async def copy_object(call: Call) -> Answer:
    source, found = _find_source(call)
    headers = call.head.headers
    if found.size > MAX_OBJECT:
        raise refuse(
            "InvalidRequest", f"The specified copy source is larger than the maximum allowable size for a copy "
            f"source: {MAX_OBJECT}"
        )  # fmt: skip
    given = read_facts(headers)
    replaces = _read_directive(call, "x-amz-metadata-directive") == "REPLACE"
    tags = None
    if _read_directive(call, "x-amz-tagging-directive") == "REPLACE":
        tags = read_tag_header(headers.get("x-amz-tagging"))
        call.require("s3:PutObjectTagging", call.bucket_name, call.key)
    algorithm = headers.get("x-amz-checksum-algorithm")
    written = await call.store.copy_object(
        source,
        call.ref,
        given if replaces else None,
        tags,
        read_conditions(headers, OF_SOURCE),
        read_conditions(headers),
        None if algorithm is None else read_algorithm(algorithm),
    )
    members = {"LastModified": to_iso(written.modified), "ETag": f'"{written.etag}"'}
    body = xml.document("CopyObjectResult", {**members, **checksum_members(written.checksum)})
    return xml_answer(
        body, *version_headers(call.bucket(), written.version_id), *_source_headers(call, source, found)
    )


async def copy_part(call: Call) -> Answer:
    source, found = _find_source(call)
    wanted = read_copy_range(call.header("x-amz-copy-source-range"))
    if wanted is not None and wanted.last is not None and wanted.last >= found.size:
        raise invalid_argument(
            "x-amz-copy-source-range",
            call.header("x-amz-copy-source-range") or "",
            f"Range specified is not valid for source object of size: {found.size}",
        )
    part = await call.store.copy_part(
        call.ref,
        upload_id(call),
        read_number(call),
        source,
        wanted,
        read_conditions(call.head.headers, OF_SOURCE),
    )
    members = {"LastModified": to_iso(part.modified), "ETag": f'"{part.etag}"'}
    found_sum = checksum_members(part.checksum)
    found_sum.pop("ChecksumType", None)
    body = xml.document("CopyPartResult", {**members, **found_sum})
    return xml_answer(body, *_source_headers(call, source, found))


def _find_source(call: Call) -> tuple[ObjectRef, ObjectHead]:
    """The object that is copied, which the caller must be allowed to read. Raises StoreError."""
    bucket, key, version = read_copy_source(call.head.headers["x-amz-copy-source"])
    action = "s3:GetObject" if version is None else "s3:GetObjectVersion"
    call.require(action, bucket, key, version)
    ref = ObjectRef(bucket, key, version)
    try:
        return ref, call.store.head_object(ref)
    except StoreError as error:
        if error.code == "NoSuchKey" and call.find_refusal("s3:ListBucket", bucket) is not None:
            raise refuse("AccessDenied", "Access Denied") from None
        if error.code == "MethodNotAllowed":
            raise refuse(
                "InvalidRequest", "The source of a copy request may not specifically refer to a delete marker "
                "by version id."
            ) from None  # fmt: skip
        raise


def _read_directive(call: Call, name: str) -> str:
    value = call.header(name) or "COPY"
    if value not in _DIRECTIVES:
        raise invalid_argument(name, value, f"Unknown {name.removeprefix('x-amz-')}.")
    return value


def _source_headers(call: Call, source: ObjectRef, found: ObjectHead) -> list[tuple[str, str]]:
    bucket = call.store.get_bucket(source.bucket)
    return [("x-amz-copy-source-version-id", found.version_id)] if bucket.versioning else []
