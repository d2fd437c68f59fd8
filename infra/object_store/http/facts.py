"""What headers say of an object, read; and an object's facts as headers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from infra.object_store.errors import StoreError
from infra.object_store.http.dates import to_http
from infra.object_store.http.errors import invalid_argument, not_implemented, refuse
from infra.object_store.http.intake import CHECKSUM
from infra.object_store.http.xml import check_tags
from infra.object_store.model import Bucket, Checksum, Facts, ObjectHead

META = "x-amz-meta-"
KEPT = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "x-amz-website-redirect-location",
)
DEFAULT_TYPE = "binary/octet-stream"
MAX_TAGS = 10
_MAX_METADATA = 2048
_CLASSES = frozenset(
    {
        "STANDARD",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "DEEP_ARCHIVE",
        "GLACIER_IR",
        "EXPRESS_ONEZONE",
    }
)
_PRIVATE_ACLS = ("private", "bucket-owner-full-control", "bucket-owner-read")
OVERRIDES = {
    f"response-{name}": name
    for name in (
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
    )
}


def read_facts(headers: Mapping[str, str]) -> Facts:
    """System headers, metadata and tags of a write. Raises StoreError."""
    check_wishes(headers)
    kept = {name: headers[name] for name in KEPT if name in headers}
    encoding = kept.get("content-encoding")
    if encoding is not None:
        rest = ", ".join(one.strip() for one in encoding.split(",") if one.strip() != "aws-chunked")
        kept = {**kept, "content-encoding": rest} if rest else _without(kept, "content-encoding")
    kept.setdefault("content-type", DEFAULT_TYPE)
    if not kept["content-type"]:
        kept["content-type"] = DEFAULT_TYPE
    metadata = {name[len(META) :]: value for name, value in headers.items() if name.startswith(META)}
    size = sum(len(name) + len(value) for name, value in metadata.items())
    if size > _MAX_METADATA:
        raise refuse(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            {"Size": str(size), "MaxSizeAllowed": str(_MAX_METADATA)},
        )
    return Facts(kept, metadata, read_tag_header(headers.get("x-amz-tagging")))


def read_tag_header(text: str | None) -> dict[str, str]:
    """x-amz-tagging: a query of tags. Raises StoreError."""
    if not text:
        return {}
    pairs = parse_qsl(text, keep_blank_values=True)
    tags = dict(pairs)
    if len(tags) != len(pairs):
        raise invalid_argument("x-amz-tagging", text, "Cannot provide multiple Tags with the same key")
    check_tags(tags, MAX_TAGS)
    return tags


def check_wishes(headers: Mapping[str, str]) -> None:
    """What a client wishes beyond storing: refused where leaving it undone would be a lie. Raises StoreError."""
    acl = headers.get("x-amz-acl")
    if (acl is not None and acl not in _PRIVATE_ACLS) or any(
        name.startswith("x-amz-grant-") for name in headers
    ):
        raise refuse("AccessControlListNotSupported", "The bucket does not allow ACLs")
    if "x-amz-server-side-encryption-customer-algorithm" in headers:
        raise not_implemented("encrypt with a key of the customer (SSE-C)")
    if headers.get("x-amz-server-side-encryption", "AES256") != "AES256":
        raise not_implemented("encrypt with KMS")
    if any(name.startswith("x-amz-object-lock-") for name in headers):
        raise refuse("InvalidRequest", "Bucket is missing Object Lock Configuration")
    # To replace the whole object would lose what it is to be added to.
    if "x-amz-write-offset-bytes" in headers:
        raise not_implemented("append to an object (x-amz-write-offset-bytes)")
    if headers.get("x-amz-storage-class", "STANDARD") not in _CLASSES:
        raise refuse("InvalidStorageClass", "The storage class you specified is not valid")


def object_headers(found: ObjectHead, bucket: Bucket, *, checksums: bool) -> list[tuple[str, str]]:
    """An object as the headers of GET and HEAD."""
    facts = found.facts
    headers = [
        ("accept-ranges", "bytes"),
        ("etag", f'"{found.etag}"'),
        ("last-modified", to_http(found.modified)),
        *facts.headers.items(),
        *((META + name, value) for name, value in facts.metadata.items()),
        *version_headers(bucket, found.version_id),
    ]
    if facts.tags:
        headers.append(("x-amz-tagging-count", str(len(facts.tags))))
    if checksums:
        headers += checksum_headers(found.checksum)
    return headers


def version_headers(bucket: Bucket, version_id: str | None) -> list[tuple[str, str]]:
    """The version, in buckets that have or had versions."""
    return [("x-amz-version-id", version_id)] if bucket.versioning and version_id else []


def checksum_headers(checksum: Checksum | None) -> list[tuple[str, str]]:
    """A checksum and what it is one of."""
    if checksum is None:
        return []
    return [
        (CHECKSUM + checksum.algorithm.lower(), checksum.value),
        ("x-amz-checksum-type", checksum.type),
    ]


def checksum_members(checksum: Checksum | None) -> dict[str, str]:
    """The same in XML."""
    if checksum is None:
        return {}
    return {f"Checksum{checksum.algorithm}": checksum.value, "ChecksumType": checksum.type}


def with_marker_headers(error: StoreError) -> list[tuple[str, str]]:
    """What S3 says of a delete marker that is in the way."""
    found = [("x-amz-delete-marker", "true")]
    if "VersionId" in error.fields:
        found.append(("x-amz-version-id", error.fields["VersionId"]))
    return found


def _without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}
