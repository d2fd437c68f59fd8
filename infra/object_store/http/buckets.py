"""Operations on buckets and what is set on them, lifecycle apart."""

from __future__ import annotations

import json

from infra.object_store.errors import StoreError
from infra.object_store.http import xml
from infra.object_store.http.answers import Answer, xml_answer
from infra.object_store.http.dates import to_iso
from infra.object_store.http.errors import invalid_argument, malformed_xml, not_implemented, refuse
from infra.object_store.http.facts import check_wishes
from infra.object_store.http.front import Call, owner_xml
from infra.object_store.http.listings import make_token, read_token
from infra.object_store.http.receiving import read_document, read_text
from infra.object_store.model import PublicAccessBlock, Versioning

_MAX_POLICY = 20 << 10
_MAX_TAGS = 50
_MAX_PAGE = 10_000
_FIRST_REGION = "us-east-1"
_BLOCK = {
    "BlockPublicAcls": "block_public_acls",
    "IgnorePublicAcls": "ignore_public_acls",
    "BlockPublicPolicy": "block_public_policy",
    "RestrictPublicBuckets": "restrict_public_buckets",
}


async def list_buckets(call: Call) -> Answer:
    """All of the account; S3 shows those that one may not enter, too. In pages when the client asks for them."""
    prefix, region = call.query.get("prefix", ""), call.query.get("bucket-region", call.site.region)
    token, limit = call.query.get("continuation-token"), _read_page_size(call)
    after = "" if token is None else read_token(token)
    named = {one.name: one for one in call.store.list_buckets() if one.region == region}
    names = sorted(name for name in named if name.startswith(prefix) and name > after)
    rows = [
        xml.group("Bucket", {"Name": name, "CreationDate": to_iso(named[name].created)})
        for name in names[:limit]
    ]
    members = [owner_xml(call), xml.group("Buckets", rows), xml.tag("Prefix", prefix or None)]
    if len(names) > limit:
        members.append(xml.tag("ContinuationToken", make_token(names[limit - 1])))
    return xml_answer(xml.document("ListAllMyBucketsResult", members))


def _read_page_size(call: Call) -> int:
    text = call.query.get("max-buckets", str(_MAX_PAGE))
    if not text.isdigit() or not 1 <= int(text) <= _MAX_PAGE:
        raise invalid_argument(
            "max-buckets", text, f"Argument max-buckets must be an integer between 1 and {_MAX_PAGE}"
        )
    return int(text)


async def create_bucket(call: Call) -> Answer:
    """New buckets let nobody in from outside: S3's default since 2023, and what MWAA demands."""
    check_wishes(call.head.headers)
    body = await read_text(call) if _has_body(call) else b""
    if body:
        wanted = xml.text_of(xml.read(body, "CreateBucketConfiguration"), "LocationConstraint")
        if wanted not in (None, "", call.site.region):
            raise refuse("InvalidLocationConstraint", "The specified location-constraint is not valid")
    location = [("location", f"/{call.bucket_name}")]
    try:
        await call.store.create_bucket(call.bucket_name, call.site.account, call.site.region)
    except StoreError as error:
        if error.code == "BucketAlreadyOwnedByYou" and call.site.region == _FIRST_REGION:
            return Answer(200, location)
        raise
    await call.store.set_public_access_block(call.bucket_name, PublicAccessBlock(True, True, True, True))
    return Answer(200, location)


async def head_bucket(call: Call) -> Answer:
    bucket = call.bucket()
    return Answer(200, (("x-amz-bucket-region", bucket.region), ("content-type", "application/xml")))


async def delete_bucket(call: Call) -> Answer:
    await call.store.delete_bucket(call.bucket_name)
    return Answer(204)


async def get_location(call: Call) -> Answer:
    region = call.bucket().region
    name = "LocationConstraint"
    text = "" if region == _FIRST_REGION else xml.escape(region)
    return xml_answer(f'{xml.HEADER}<{name} xmlns="{xml.NAMESPACE}">{text}</{name}>'.encode())


async def get_versioning(call: Call) -> Answer:
    return xml_answer(xml.document("VersioningConfiguration", {"Status": call.bucket().versioning or None}))


async def put_versioning(call: Call) -> Answer:
    document = await read_document(call, "VersioningConfiguration")
    status = xml.text_of(document, "Status")
    if xml.text_of(document, "MfaDelete") == "Enabled":
        raise not_implemented("ask for a second factor before a deletion (MfaDelete)")
    wanted: dict[str | None, Versioning] = {"Enabled": "Enabled", "Suspended": "Suspended"}
    if status not in wanted:
        raise refuse(
            "IllegalVersioningConfigurationException",
            "The Versioning element must be specified",
        )
    await call.store.set_versioning(call.bucket_name, wanted[status])
    return Answer()


async def get_public_access_block(call: Call) -> Answer:
    block = call.bucket().public_access_block
    if block is None:
        raise refuse(
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
            {"BucketName": call.bucket_name},
        )
    return xml_answer(
        xml.document(
            "PublicAccessBlockConfiguration",
            {name: bool(getattr(block, field)) for name, field in _BLOCK.items()},
        )
    )


async def put_public_access_block(call: Call) -> Answer:
    document = await read_document(call, "PublicAccessBlockConfiguration", needs_digest=True)
    given = {field: xml.text_of(document, name) for name, field in _BLOCK.items()}
    if any(value not in (None, "true", "false", "TRUE", "FALSE") for value in given.values()):
        raise malformed_xml()
    flags = {field: (value or "").lower() == "true" for field, value in given.items()}
    await call.store.set_public_access_block(call.bucket_name, PublicAccessBlock(**flags))
    return Answer()


async def delete_public_access_block(call: Call) -> Answer:
    await call.store.set_public_access_block(call.bucket_name, None)
    return Answer(204)


async def get_tagging(call: Call) -> Answer:
    tags = call.bucket().tags
    if not tags:
        raise refuse("NoSuchTagSet", "The TagSet does not exist", {"BucketName": call.bucket_name})
    return xml_answer(xml.write_tags(tags))


async def put_tagging(call: Call) -> Answer:
    document = await read_document(call, "Tagging")
    await call.store.set_bucket_tags(call.bucket_name, xml.read_tags(document, _MAX_TAGS))
    return Answer(204)


async def delete_tagging(call: Call) -> Answer:
    await call.store.set_bucket_tags(call.bucket_name, None)
    return Answer(204)


async def get_policy(call: Call) -> Answer:
    policy = call.bucket().policy
    if policy is None:
        raise refuse(
            "NoSuchBucketPolicy", "The bucket policy does not exist", {"BucketName": call.bucket_name}
        )
    return Answer(200, (("content-type", "application/json"),), policy.encode())


async def put_policy(call: Call) -> Answer:
    """A policy that lets in anybody is refused while the bucket's public access block says so."""
    text = (await read_text(call)).decode("utf-8", "replace")
    if len(text) > _MAX_POLICY:
        raise refuse("InvalidArgument", "Policy size exceeds the 20 KB limit")
    try:
        json.loads(text)
    except ValueError:
        raise refuse(
            "MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'"
        ) from None
    block = call.bucket().public_access_block
    if call.authorizer.is_public(text, call.bucket_name) and block is not None and block.block_public_policy:
        raise refuse(
            "AccessDenied",
            "public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access of the bucket",
        )
    await call.store.set_bucket_policy(call.bucket_name, text)
    return Answer(204)


async def delete_policy(call: Call) -> Answer:
    await call.store.set_bucket_policy(call.bucket_name, None)
    return Answer(204)


def _has_body(call: Call) -> bool:
    return call.header("content-length") not in (None, "0") or call.header("transfer-encoding") is not None
