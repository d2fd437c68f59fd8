"""From the embedded object store to another S3, object by object, by their own protocols."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from control_plane.commands.options import Access, Endpoints

_KEPT = (
    "ContentType",
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "Metadata",
)


def open_clients(endpoints: Endpoints, access: Access, target: str) -> tuple[Any, Any]:
    """The embedded store, and the other one with the keys of the surroundings."""
    import boto3

    ours = boto3.client(
        "s3",
        endpoint_url=endpoints.s3_url,
        region_name=endpoints.region,
        aws_access_key_id=access.access_key_id,
        aws_secret_access_key=access.secret_access_key,
    )
    return ours, boto3.client("s3", endpoint_url=target)


def copy_buckets(ours: Any, theirs: Any, names: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Each bucket with how many objects were copied and how many were the same already."""
    there = {one["Name"] for one in theirs.list_buckets()["Buckets"]}
    for bucket in [one["Name"] for one in ours.list_buckets()["Buckets"]]:
        if names and bucket not in names:
            continue
        if bucket not in there:
            region = theirs.meta.region_name
            where = {} if region in (None, "us-east-1") else {"LocationConstraint": region}
            theirs.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {}))
        copied = same = 0
        known = {one["Key"]: one for one in _list(theirs, bucket)}
        for one in _list(ours, bucket):
            if _is_same(one, known.get(one["Key"])):
                same += 1
                continue
            _copy(ours, theirs, bucket, one["Key"])
            copied += 1
        yield bucket, copied, same


def _is_same(ours: dict[str, Any], theirs: dict[str, Any] | None) -> bool:
    """Whether a copy is there that is not older.

    Many an S3 tells times in whole seconds: within the second of the upload, equal bytes decide.
    """
    if theirs is None or ours["Size"] != theirs["Size"]:
        return False
    written = ours["LastModified"]
    if ours["ETag"] == theirs["ETag"]:
        written = written.replace(microsecond=0)
    return bool(written <= theirs["LastModified"])


def _list(client: Any, bucket: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from page.get("Contents", [])


def _copy(ours: Any, theirs: Any, bucket: str, key: str) -> None:
    found = ours.get_object(Bucket=bucket, Key=key)
    extra = {name: found[name] for name in _KEPT if found.get(name)}
    if found.get("TagCount"):
        tags = ours.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        extra["Tagging"] = urlencode([(one["Key"], one["Value"]) for one in tags])
    theirs.upload_fileobj(found["Body"], bucket, key, ExtraArgs=extra)
