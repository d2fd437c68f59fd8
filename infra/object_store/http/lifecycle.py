"""Lifecycle rules: S3's XML to the store's rules and back. Only expiry: there is nowhere else to move objects to."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from infra.object_store.http import xml
from infra.object_store.http.answers import Answer, xml_answer
from infra.object_store.http.errors import malformed_xml, not_implemented, refuse
from infra.object_store.http.front import Call
from infra.object_store.http.receiving import read_document
from infra.object_store.model import LifecycleRule

_MOST = 1000
_LONGEST_ID = 255
_MOST_KEPT = 100
_DAY = 86400


async def get_lifecycle(call: Call) -> Answer:
    rules = call.bucket().lifecycle
    if not rules:
        raise refuse(
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
            {"BucketName": call.bucket_name},
        )
    return xml_answer(xml.document("LifecycleConfiguration", [xml.Raw(rule.source) for rule in rules]))


async def put_lifecycle(call: Call) -> Answer:
    document = await read_document(call, "LifecycleConfiguration", needs_digest=True)
    rules = [read_rule(one, number) for number, one in enumerate(document.iterfind("Rule"), 1)]
    if not 1 <= len(rules) <= _MOST:
        raise malformed_xml()
    if len({rule.id for rule in rules}) != len(rules):
        raise refuse("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule")
    await call.store.set_lifecycle(call.bucket_name, rules)
    return Answer()


async def delete_lifecycle(call: Call) -> Answer:
    await call.store.set_lifecycle(call.bucket_name, None)
    return Answer(204)


def read_rule(element: ElementTree.Element, number: int) -> LifecycleRule:
    """One rule. Raises StoreError."""
    status, name = xml.text_of(element, "Status"), xml.text_of(element, "ID")
    if status not in ("Enabled", "Disabled"):
        raise malformed_xml()
    if name and len(name) > _LONGEST_ID:
        raise refuse("InvalidArgument", f"ID length should not exceed allowed limit of {_LONGEST_ID}")
    if element.find("Transition") is not None or element.find("NoncurrentVersionTransition") is not None:
        raise not_implemented("move objects to another storage class")
    if not name:
        name = f"rule-{number}"
        one = ElementTree.Element("ID")
        one.text = name
        element.insert(0, one)
    limits = {**_read_expiration(element), **_read_noncurrent(element), **_read_abort(element)}
    if not limits:
        raise refuse("InvalidRequest", "At least one action needs to be specified in a rule")
    chosen = _read_filter(element)
    _check_together(chosen, limits)
    fields = {"id": name, "enabled": status == "Enabled", **chosen, **limits}
    return LifecycleRule(**fields, source=ElementTree.tostring(element, encoding="unicode"))


def _check_together(chosen: dict[str, Any], limits: dict[str, Any]) -> None:
    """What S3 does not let one rule say together: uploads and lone markers have no tags, uploads no size."""
    least, most = chosen.get("larger_than"), chosen.get("smaller_than")
    aborts, marks = "abort_upload_days" in limits, bool(limits.get("expire_lone_markers"))
    if (aborts or marks) and chosen.get("tags"):
        action = "AbortIncompleteMultipartUpload" if aborts else "ExpiredObjectDeleteMarker"
        raise refuse("InvalidRequest", f"{action} cannot be specified with Tags.")
    if aborts and (least is not None or most is not None):
        raise refuse("InvalidRequest", "AbortIncompleteMultipartUpload cannot be specified with Object Size.")
    if least is not None and most is not None and most <= least:
        words = "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'."
        raise refuse("InvalidRequest", words)


def _read_filter(element: ElementTree.Element) -> dict[str, Any]:
    old, new = xml.text_of(element, "Prefix"), element.find("Filter")
    if (old is None) == (new is None):
        raise malformed_xml()
    if new is None:
        return {"prefix": old}
    both = new.find("And")
    inner = new if both is None else both
    if both is None and len(new) > 1:
        raise malformed_xml()
    tags = {str(xml.text_of(tag, "Key")): str(xml.text_of(tag, "Value")) for tag in inner.iterfind("Tag")}
    return {
        "prefix": xml.text_of(inner, "Prefix") or "",
        "tags": tags,
        "larger_than": _find_number(inner, "ObjectSizeGreaterThan", least=0),
        "smaller_than": _find_number(inner, "ObjectSizeLessThan", least=0),
    }


def _read_expiration(element: ElementTree.Element) -> dict[str, Any]:
    found = element.find("Expiration")
    if found is None:
        return {}
    if len(found) != 1:
        raise malformed_xml()
    return {
        "expire_days": _find_number(found, "Days"),
        "expire_date": _find_date(found),
        "expire_lone_markers": xml.text_of(found, "ExpiredObjectDeleteMarker") == "true",
    }


def _read_noncurrent(element: ElementTree.Element) -> dict[str, Any]:
    found = element.find("NoncurrentVersionExpiration")
    if found is None:
        return {}
    days = _find_number(found, "NoncurrentDays")
    if days is None:
        raise malformed_xml()
    kept = _find_number(found, "NewerNoncurrentVersions") or 0
    if kept > _MOST_KEPT:
        raise refuse("InvalidArgument", f"'NewerNoncurrentVersions' must be at most {_MOST_KEPT}")
    return {"noncurrent_days": days, "noncurrent_kept": kept}


def _read_abort(element: ElementTree.Element) -> dict[str, Any]:
    found = element.find("AbortIncompleteMultipartUpload")
    if found is None:
        return {}
    days = _find_number(found, "DaysAfterInitiation")
    if days is None:
        raise malformed_xml()
    return {"abort_upload_days": days}


def _find_number(element: ElementTree.Element, name: str, least: int = 1) -> int | None:
    text = xml.text_of(element, name)
    if text is None:
        return None
    if re.fullmatch(r"\d{1,12}", text.strip()) is None:
        raise malformed_xml()
    if int(text) < least:
        raise refuse("InvalidArgument", f"'{name}' for Expiration action must be a positive integer")
    return int(text)


def _find_date(element: ElementTree.Element) -> float | None:
    text = xml.text_of(element, "Date")
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise malformed_xml() from None
    at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    if at % _DAY:
        raise refuse("InvalidArgument", "'Date' must be at midnight GMT")
    return at
