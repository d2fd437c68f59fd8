"""S3's XML: written from nested names and values, read without entities or document types. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree

from infra.object_store.errors import StoreError
from infra.object_store.http.errors import malformed_xml, refuse

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPECIAL = re.compile('[&<>"\x00-\x1f\x7f]')
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


class Raw(str):
    """XML already."""

    __slots__ = ()


def escape(text: str) -> str:
    """Text between tags. Control characters become references: what cannot stand in XML 1.0 at all, too, as S3 does."""
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda found: _NAMED.get(found.group()) or f"&#x{ord(found.group()):x};", text)


def tag(name: str, value: str | int | bool | None) -> Raw:
    """One element; nothing for None."""
    if value is None:
        return Raw("")
    if value is True or value is False:
        value = "true" if value else "false"
    text = value if isinstance(value, Raw) else escape(str(value))
    return Raw(f"<{name}>{text}</{name}>")


def group(name: str, members: Mapping[str, str | int | bool | None] | Iterable[Raw]) -> Raw:
    """An element of elements."""
    if isinstance(members, Mapping):
        members = (tag(key, value) for key, value in members.items())
    return Raw(f"<{name}>{''.join(members)}</{name}>")


def document(name: str, members: Mapping[str, str | int | bool | None] | Iterable[Raw]) -> bytes:
    """A whole answer."""
    inner = group(name, members)
    return f'{HEADER}<{name} xmlns="{NAMESPACE}">{inner[len(name) + 2 :]}'.encode()


def write_error(error: StoreError, resource: str, request_id: str) -> bytes:
    """The answer to a refused request."""
    members = {"Code": error.code, "Message": error.message, **error.fields}
    members |= {"Resource": resource, "RequestId": request_id, "HostId": "aerodrome"}
    return (HEADER + group("Error", members)).encode("utf-8", "backslashreplace")


def read(body: bytes, root: str) -> ElementTree.Element:
    """The document of a request, names without namespaces. Raises StoreError MalformedXML."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise malformed_xml()
    try:
        found = ElementTree.fromstring(body)  # noqa: S314 - no document type, so no entities
    except (ElementTree.ParseError, ValueError, LookupError):
        raise malformed_xml() from None
    for element in found.iter():
        element.tag = str(element.tag).rpartition("}")[2]
    if found.tag != root:
        raise malformed_xml()
    return found


def text_of(parent: ElementTree.Element, name: str) -> str | None:
    """The text of a child; None when there is no such child."""
    found = parent.find(name)
    return None if found is None else (found.text or "")


def read_tags(element: ElementTree.Element, most: int) -> dict[str, str]:
    """A TagSet. Raises StoreError: InvalidTag, MalformedXML, BadRequest."""
    tags: dict[str, str] = {}
    for one in element.iterfind("TagSet/Tag"):
        key, value = text_of(one, "Key"), text_of(one, "Value")
        if key is None or value is None:
            raise malformed_xml()
        if key in tags:
            raise refuse("InvalidTag", "Cannot provide multiple Tags with the same key", {"TagKey": key})
        tags[key] = value
    check_tags(tags, most)
    return tags


def check_tags(tags: Mapping[str, str], most: int) -> None:
    """Raises StoreError InvalidTag."""
    if len(tags) > most:
        kind = "Object" if most == 10 else "Bucket"
        raise refuse(
            "BadRequest" if most == 10 else "InvalidTag", f"{kind} tags cannot be greater than {most}"
        )
    for key, value in tags.items():
        if not 1 <= len(key) <= 128:
            raise refuse("InvalidTag", "The TagKey you have provided is invalid", {"TagKey": key})
        if len(value) > 256:
            raise refuse("InvalidTag", "The TagValue you have provided is invalid", {"TagValue": value})
        if key.lower().startswith("aws:"):
            raise refuse("InvalidTag", "System tags cannot be added/updated by requester", {"TagKey": key})


def write_tags(tags: Mapping[str, str]) -> bytes:
    """The answer of GetBucketTagging and GetObjectTagging."""
    rows = (group("Tag", {"Key": key, "Value": value}) for key, value in tags.items())
    return document("Tagging", [group("TagSet", rows)])
