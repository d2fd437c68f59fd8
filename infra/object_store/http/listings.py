"""Listings: objects (both versions of the call), versions, buckets' uploads. Pages as S3 cuts them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from urllib.parse import quote

from infra.object_store.http import putting, watching, xml
from infra.object_store.http.answers import Answer, xml_answer
from infra.object_store.http.dates import to_iso
from infra.object_store.http.errors import invalid_argument, refuse
from infra.object_store.http.front import Call, owner_xml
from infra.object_store.model import Entry, Listing

_PAGE = 1000
Encode = Callable[[str], str]


async def list_objects(call: Call) -> Answer:
    """ListObjects, the first version."""
    query, limit, encode = call.query, read_limit(call.query), read_encoding(call.query)
    marker, delimiter = query.get("marker", ""), query.get("delimiter", "")
    page = _list(call, marker, limit)
    after = page.next_after if page.truncated and delimiter else None
    head = {
        "Name": call.bucket_name,
        "Prefix": encode(query.get("prefix", "")),
        "Marker": encode(marker),
        "NextMarker": None if after is None else encode(after),
        "MaxKeys": limit,
        "Delimiter": encode(delimiter) if delimiter else None,
        "IsTruncated": page.truncated,
        "EncodingType": query.get("encoding-type"),
    }
    return _answer("ListBucketResult", head, _objects(page, encode, str(owner_xml(call))), page, encode)


async def list_objects_v2(call: Call) -> Answer:
    query, limit, encode = call.query, read_limit(call.query), read_encoding(call.query)
    token, start = query.get("continuation-token"), query.get("start-after", "")
    delimiter = query.get("delimiter", "")
    page = _list(call, start if token is None else read_token(token), limit)
    head = {
        "Name": call.bucket_name,
        "Prefix": encode(query.get("prefix", "")),
        "StartAfter": encode(start) if "start-after" in query else None,
        "ContinuationToken": token,
        "NextContinuationToken": make_token(page.next_after) if page.truncated else None,
        "KeyCount": len(page.entries) + len(page.prefixes),
        "MaxKeys": limit,
        "Delimiter": encode(delimiter) if delimiter else None,
        "IsTruncated": page.truncated,
        "EncodingType": query.get("encoding-type"),
    }
    owner = str(owner_xml(call)) if query.get("fetch-owner") == "true" else ""
    answer = _answer("ListBucketResult", head, _objects(page, encode, owner), page, encode)
    return replace(answer, headers=(*answer.headers, watching.OFFER, putting.OFFER))


async def list_versions(call: Call) -> Answer:
    query, limit, encode = call.query, read_limit(call.query), read_encoding(call.query)
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after, version = query.get("key-marker", ""), query.get("version-id-marker", "")
    if version and not after:
        raise refuse("InvalidArgument", "A version-id marker cannot be specified without a key marker.")
    page = (
        call.store.list_versions(call.bucket_name, prefix, delimiter, after, version, limit)
        if limit
        else Listing(())
    )
    head = {
        "Name": call.bucket_name,
        "Prefix": encode(prefix),
        "KeyMarker": encode(after),
        "VersionIdMarker": version,
        "NextKeyMarker": encode(page.next_after) if page.truncated else None,
        "NextVersionIdMarker": page.next_version or None if page.truncated else None,
        "MaxKeys": limit,
        "Delimiter": encode(delimiter) if delimiter else None,
        "IsTruncated": page.truncated,
        "EncodingType": query.get("encoding-type"),
    }
    return _answer("ListVersionsResult", head, _versions(page, encode, str(owner_xml(call))), page, encode)


def read_limit(query: Mapping[str, str], name: str = "max-keys") -> int:
    """How many rows a page may have, at most 1000. Raises StoreError."""
    text = query.get(name)
    if text is None or text == "":
        return _PAGE
    if not text.lstrip("-").isdigit() or len(text) > 12:
        raise invalid_argument(name, text, f"Provided {name} not an integer or within integer range")
    if not 0 <= int(text) <= 2**31 - 1:
        raise invalid_argument(name, text, f"Argument {name} must be an integer between 0 and 2147483647")
    return min(int(text), _PAGE)


def read_encoding(query: Mapping[str, str]) -> Encode:
    """How keys are written: as they are, or percent-encoded. Raises StoreError."""
    kind = query.get("encoding-type")
    if kind is None:
        return str
    if kind != "url":
        raise invalid_argument("encoding-type", kind, "Invalid Encoding Method specified in Request")
    return _quote


def make_token(after: str) -> str:
    """A continuation token: opaque to clients."""
    return base64.urlsafe_b64encode(b"1" + after.encode()).decode()


def read_token(token: str) -> str:
    """The key that a continuation token stands for. Raises StoreError."""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
        if raw[:1] != b"1":
            raise ValueError
        return raw[1:].decode()
    except ValueError:
        raise invalid_argument(
            "continuation-token", token, "The continuation token provided is incorrect"
        ) from None


def _list(call: Call, after: str, limit: int) -> Listing:
    if limit == 0:
        return Listing(())
    query = call.query
    return call.store.list_objects(
        call.bucket_name, query.get("prefix", ""), query.get("delimiter", ""), after, limit
    )


def _objects(page: Listing, encode: Encode, owner: str) -> Iterable[str]:
    for entry in page.entries:
        yield (
            f"<Contents><Key>{xml.escape(encode(entry.key))}</Key>{_facts(entry)}{owner}"
            "<StorageClass>STANDARD</StorageClass></Contents>"
        )


def _versions(page: Listing, encode: Encode, owner: str) -> Iterable[str]:
    for entry in page.entries:
        which = (
            f"<Key>{xml.escape(encode(entry.key))}</Key><VersionId>{xml.escape(entry.version_id)}</VersionId>"
            f"<IsLatest>{'true' if entry.latest else 'false'}</IsLatest>"
        )
        if entry.delete_marker:
            at = to_iso(entry.modified)
            yield f"<DeleteMarker>{which}<LastModified>{at}</LastModified>{owner}</DeleteMarker>"
        else:
            yield f"<Version>{which}{_facts(entry)}{owner}<StorageClass>STANDARD</StorageClass></Version>"


def _facts(entry: Entry) -> str:
    text = (
        f"<LastModified>{to_iso(entry.modified)}</LastModified><ETag>&quot;{entry.etag}&quot;</ETag>"
        f"<Size>{entry.size}</Size>"
    )
    if entry.checksum_algorithm is None:
        return text
    return (
        f"{text}<ChecksumAlgorithm>{entry.checksum_algorithm}</ChecksumAlgorithm>"
        f"<ChecksumType>{entry.checksum_type}</ChecksumType>"
    )


def _answer(
    name: str,
    head: Mapping[str, str | int | bool | None],
    rows: Iterable[str],
    page: Listing,
    encode: Encode,
) -> Answer:
    tags = (xml.tag(key, value) for key, value in head.items())
    prefixes = (
        f"<CommonPrefixes><Prefix>{xml.escape(encode(one))}</Prefix></CommonPrefixes>"
        for one in page.prefixes
    )
    text = f'{xml.HEADER}<{name} xmlns="{xml.NAMESPACE}">{"".join(tags)}{"".join(rows)}{"".join(prefixes)}</{name}>'
    return xml_answer(text.encode())


def _quote(text: str) -> str:
    return quote(text, safe="/-_.~")
