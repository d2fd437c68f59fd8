"""Uploads in parts."""

from __future__ import annotations

from xml.etree import ElementTree

from infra.object_store.http import xml
from infra.object_store.http.answers import Answer, xml_answer
from infra.object_store.http.conditions import read_conditions
from infra.object_store.http.dates import to_iso
from infra.object_store.http.errors import invalid_argument, malformed_xml, refuse
from infra.object_store.http.facts import checksum_headers, checksum_members, read_facts, version_headers
from infra.object_store.http.front import Call, owner_xml
from infra.object_store.http.intake import ALGORITHMS, read_algorithm, read_checksum
from infra.object_store.http.listings import read_encoding, read_limit
from infra.object_store.http.receiving import read_document, receive
from infra.object_store.model import MOST_PARTS, Checksum, ChecksumType, ClaimedPart, Part


async def create_upload(call: Call) -> Answer:
    headers = call.head.headers
    facts = read_facts(headers)
    if facts.tags:
        call.require("s3:PutObjectTagging", call.bucket_name, call.key)
    asked = headers.get("x-amz-checksum-algorithm")
    algorithm = None if asked is None else read_algorithm(asked)
    upload = await call.store.create_upload(call.ref, facts, algorithm, _read_type(call), call.site.account)
    members = {"Bucket": call.bucket_name, "Key": call.key, "UploadId": upload.id}
    extra = [] if upload.algorithm is None else [("x-amz-checksum-algorithm", str(upload.algorithm))]
    if upload.checksum_type is not None:
        extra.append(("x-amz-checksum-type", upload.checksum_type))
    return xml_answer(xml.document("InitiateMultipartUploadResult", members), *extra)


async def upload_part(call: Call) -> Answer:
    number, which = read_number(call), upload_id(call)
    upload = call.store.get_upload(call.ref, which)
    content, expected, _ = await receive(call, [upload.algorithm] if upload.algorithm else [])
    part = await call.store.put_part(call.ref, which, number, content, expected)
    return Answer(200, [("etag", f'"{part.etag}"'), *checksum_headers(part.checksum)[:1]])


async def complete_upload(call: Call) -> Answer:
    document = await read_document(call, "CompleteMultipartUpload", checksum_is_of_object=True)
    parts = [_read_part(one) for one in document.iterfind("Part")]
    if not parts:
        raise malformed_xml()
    checksum, kind = read_checksum_of_whole(call), _read_type(call)
    if checksum is not None and kind is not None:
        checksum = Checksum(checksum.algorithm, checksum.value, kind)
    size = call.header("x-amz-mp-object-size")
    written = await call.store.complete_upload(
        call.ref,
        upload_id(call),
        parts,
        read_conditions(call.head.headers),
        checksum,
        int(size) if size is not None and size.isdigit() else None,
    )
    members = {
        "Location": f"http://{call.header('host') or ''}{call.head.target.partition(b'?')[0].decode('latin-1')}",
        "Bucket": call.bucket_name,
        "Key": call.key,
        "ETag": f'"{written.etag}"',
        **checksum_members(written.checksum),
    }
    body = xml.document("CompleteMultipartUploadResult", members)
    return xml_answer(body, *version_headers(call.bucket(), written.version_id))


async def abort_upload(call: Call) -> Answer:
    await call.store.abort_upload(call.ref, upload_id(call))
    return Answer(204)


async def list_parts(call: Call) -> Answer:
    after = call.query.get("part-number-marker", "") or "0"
    if not after.isdigit():
        raise invalid_argument("part-number-marker", after, "Provided part-number-marker not an integer")
    limit = read_limit(call.query, "max-parts")
    which = upload_id(call)
    page = call.store.list_parts(call.ref, which, int(after), limit)
    upload = page.upload
    head: dict[str, str | int | bool | None] = {
        "Bucket": call.bucket_name,
        "Key": call.key,
        "UploadId": which,
        "PartNumberMarker": int(after),
        "NextPartNumberMarker": page.next_after if page.parts else 0,
        "MaxParts": limit,
        "IsTruncated": page.truncated,
        "StorageClass": "STANDARD",
        "ChecksumAlgorithm": upload.algorithm,
        "ChecksumType": upload.checksum_type,
    }
    rows = [xml.tag(name, value) for name, value in head.items()]
    rows += [owner_xml(call, "Initiator"), owner_xml(call), *map(_part_xml, page.parts)]
    return xml_answer(xml.document("ListPartsResult", rows))


async def list_uploads(call: Call) -> Answer:
    query, encode = call.query, read_encoding(call.query)
    limit = read_limit(query, "max-uploads")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after, upload = (
        query.get("key-marker", ""),
        query.get("upload-id-marker", "") if "key-marker" in query else "",
    )
    page = call.store.list_uploads(call.bucket_name, prefix, delimiter, after, upload, limit)
    head = {
        "Bucket": call.bucket_name,
        "KeyMarker": encode(after),
        "UploadIdMarker": upload,
        "NextKeyMarker": encode(page.next_key) if page.truncated else None,
        "NextUploadIdMarker": page.next_upload if page.truncated else None,
        "Delimiter": encode(delimiter) if delimiter else None,
        "Prefix": encode(prefix),
        "MaxUploads": limit,
        "IsTruncated": page.truncated,
        "EncodingType": query.get("encoding-type"),
    }
    rows = [xml.tag(name, value) for name, value in head.items()]
    for one in page.uploads:
        members = [xml.tag("Key", encode(one.key)), xml.tag("UploadId", one.id)]
        members += [owner_xml(call, "Initiator"), owner_xml(call), xml.tag("StorageClass", "STANDARD")]
        members += [xml.tag("Initiated", to_iso(one.started)), xml.tag("ChecksumAlgorithm", one.algorithm)]
        rows.append(xml.group("Upload", [*members, xml.tag("ChecksumType", one.checksum_type)]))
    rows += [xml.group("CommonPrefixes", {"Prefix": encode(one)}) for one in page.prefixes]
    return xml_answer(xml.document("ListMultipartUploadsResult", rows))


def upload_id(call: Call) -> str:
    """Of the query."""
    return call.query["uploadId"]


def read_number(call: Call) -> int:
    """partNumber of a write. Raises StoreError."""
    text = call.query.get("partNumber")
    if text is None or not text.isdigit() or not 1 <= int(text) <= MOST_PARTS:
        raise invalid_argument(
            "partNumber", text or "", f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive"
        )
    return int(text)


def read_checksum_of_whole(call: Call) -> Checksum | None:
    """The object's checksum at the end of an upload, which may carry the number of its parts."""
    headers = {name: value.partition("-")[0] for name, value in call.head.headers.items()}
    found = read_checksum(headers)
    if found is None:
        return None
    return Checksum(found.algorithm, call.head.headers[f"x-amz-checksum-{found.algorithm.lower()}"])


def _read_type(call: Call) -> ChecksumType | None:
    value = call.header("x-amz-checksum-type")
    kinds: dict[str, ChecksumType] = {"FULL_OBJECT": "FULL_OBJECT", "COMPOSITE": "COMPOSITE"}
    if value is not None and value not in kinds:
        raise refuse("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
    return None if value is None else kinds[value]


def _read_part(element: ElementTree.Element) -> ClaimedPart:
    number, etag = xml.text_of(element, "PartNumber"), xml.text_of(element, "ETag")
    if number is None or etag is None or not number.strip().isdigit():
        raise malformed_xml()
    sums = {name: xml.text_of(element, f"Checksum{name}") for name in ALGORITHMS}
    checksum = next((Checksum(read_algorithm(name), text) for name, text in sums.items() if text), None)
    return ClaimedPart(int(number), etag.strip().strip('"'), checksum)


def _part_xml(part: Part) -> xml.Raw:
    members: dict[str, str | int | bool | None] = {
        "PartNumber": part.number,
        "LastModified": to_iso(part.modified),
        "ETag": f'"{part.etag}"',
        "Size": part.size,
    }
    if part.checksum is not None:
        members[f"Checksum{part.checksum.algorithm}"] = part.checksum.value
    return xml.group("Part", members)
