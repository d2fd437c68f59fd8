"""What a request brings to a decision about it, as S3's condition keys. Asked for only where a policy asks."""

from __future__ import annotations

from collections.abc import Mapping

from infra.object_store.errors import StoreError
from infra.object_store.http.facts import read_tag_header
from infra.object_store.interface import ObjectStore
from infra.object_store.model import ObjectRef

_PARAMETERS = {
    "prefix": "s3:prefix",
    "delimiter": "s3:delimiter",
    "max-keys": "s3:max-keys",
    "versionId": "s3:VersionId",
}
_HEADERS = {
    "if-match": "s3:if-match",
    "if-none-match": "s3:if-none-match",
    "x-amz-acl": "s3:x-amz-acl",
    "x-amz-copy-source": "s3:x-amz-copy-source",
    "x-amz-metadata-directive": "s3:x-amz-metadata-directive",
    "x-amz-server-side-encryption": "s3:x-amz-server-side-encryption",
    "x-amz-storage-class": "s3:x-amz-storage-class",
    "x-amz-content-sha256": "s3:x-amz-content-sha256",
}
_ON_TAGGED = frozenset(
    f"s3:{verb}Object{version}{what}"
    for version in ("", "Version")
    for verb, what in (("Get", ""), ("Get", "Tagging"), ("Put", "Tagging"), ("Delete", "Tagging"))
)
"""The actions that may depend on the tags an object has."""


def read_request(query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, object]:
    """Of the query and the headers. Raises StoreError where tags cannot be read."""
    found: dict[str, object] = {key: query[name] for name, key in _PARAMETERS.items() if name in query}
    found.update((key, headers[name]) for name, key in _HEADERS.items() if name in headers)
    return found | name_tags(read_tag_header(headers.get("x-amz-tagging")))


def name_tags(tags: Mapping[str, str]) -> dict[str, object]:
    """Of the tags that a request gives."""
    if not tags:
        return {}
    keys = {f"s3:RequestObjectTag/{name}": value for name, value in tags.items()}
    return {**keys, "s3:RequestObjectTagKeys": list(tags)}


def find_existing_tags(store: ObjectStore, action: str, ref: ObjectRef) -> dict[str, object]:
    """Of the tags that the object has, for the actions that may depend on them."""
    if action not in _ON_TAGGED or not ref.key:
        return {}
    try:
        tags = store.head_object(ref).facts.tags
    except StoreError:
        return {}  # what is not there has no tags; that it is not there is said by whoever reads it
    return {f"s3:ExistingObjectTag/{name}": value for name, value in tags.items()}
