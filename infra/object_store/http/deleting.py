"""DeleteObjects: many keys in one request, each with a permission and an answer of its own."""

from __future__ import annotations

from xml.etree import ElementTree

from infra.object_store.errors import StoreError
from infra.object_store.http import xml
from infra.object_store.http.answers import Answer, xml_answer
from infra.object_store.http.errors import malformed_xml, not_implemented, refuse
from infra.object_store.http.front import Call
from infra.object_store.http.receiving import read_document
from infra.object_store.model import NO_CONDITIONS, Conditions, Deleted, ObjectRef

_MOST = 1000


async def delete_objects(call: Call) -> Answer:
    call.bucket()
    document = await read_document(call, "Delete", needs_digest=True)
    asked = [_read_object(call, one) for one in document.iterfind("Object")]
    if not 1 <= len(asked) <= _MOST:
        raise malformed_xml()
    refused = {number: reason for number, one in enumerate(asked) if (reason := _find_refusal(call, *one))}
    allowed = [one for number, one in enumerate(asked) if number not in refused]
    done = iter(await call.store.delete_objects(call.bucket_name, allowed) if allowed else ())
    quiet = (xml.text_of(document, "Quiet") or "").lower() == "true"
    rows = []
    for number, (ref, _) in enumerate(asked):
        outcome = refuse("AccessDenied", refused[number]) if number in refused else next(done)
        if not (quiet and isinstance(outcome, Deleted)):
            rows.append(_row(ref, outcome))
    return xml_answer(xml.document("DeleteResult", rows))


def _find_refusal(call: Call, ref: ObjectRef, conditions: Conditions) -> str | None:
    action = "s3:DeleteObject" if ref.version_id is None else "s3:DeleteObjectVersion"
    context = {} if conditions.if_match is None else {"s3:if-match": conditions.if_match[0]}
    return call.find_refusal(action, ref.bucket, ref.key, ref.version_id, **context)


def _read_object(call: Call, element: ElementTree.Element) -> tuple[ObjectRef, Conditions]:
    key, etag = xml.text_of(element, "Key"), xml.text_of(element, "ETag")
    if not key:
        raise malformed_xml()
    for name in ("Size", "LastModifiedTime"):
        if element.find(name) is not None:
            raise not_implemented(f"delete depending on {name}")
    conditions = NO_CONDITIONS if etag is None else Conditions(if_match=(etag.strip('"'),))
    return ObjectRef(call.bucket_name, key, xml.text_of(element, "VersionId") or None), conditions


def _row(ref: ObjectRef, outcome: Deleted | StoreError) -> xml.Raw:
    named = {"Key": ref.key, "VersionId": ref.version_id}
    if isinstance(outcome, StoreError):
        return xml.group("Error", {**named, "Code": outcome.code, "Message": outcome.message})
    if not outcome.delete_marker:
        return xml.group("Deleted", named)
    members = {**named, "DeleteMarker": True, "DeleteMarkerVersionId": outcome.version_id}
    return xml.group("Deleted", members)
