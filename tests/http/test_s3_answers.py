"""Answers of the embedded store that clients build on, where moto has none or another than AWS."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.own_s3 import ACCOUNT, OwnS3, running_own_s3
from tests.http.test_s3_refusals import allow, code, make_user

MIB = 1 << 20


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnS3]:
    with running_own_s3(tmp_path_factory.mktemp("s3")) as store:
        yield store


@pytest.fixture
def bucket(s3: OwnS3, request: pytest.FixtureRequest) -> str:
    name = f"b-{abs(hash(request.node.nodeid))}"
    s3.client().create_bucket(Bucket=name)
    return name


def test_upload_in_parts_ends_with_the_checksum_of_the_whole_object(s3: OwnS3, bucket: str) -> None:
    """The header at the end of an upload speaks of the object and not of the request's own body."""
    client, pieces = s3.client(), [b"a" * 5 * MIB, b"b"]
    given = {"Bucket": bucket, "Key": "k"}
    begun = client.create_multipart_upload(**given, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    given["UploadId"] = begun["UploadId"]
    parts = []
    for number, piece in enumerate(pieces, 1):
        part = client.upload_part(**given, PartNumber=number, Body=piece, ChecksumAlgorithm="CRC32")
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]})
    right = base64.b64encode(zlib.crc32(b"".join(pieces)).to_bytes(4, "big")).decode()
    wrong = base64.b64encode(b"0000").decode()
    for value, answer in ((wrong, "BadDigest"), (right, None)):
        ended = {**given, "MultipartUpload": {"Parts": parts}, "ChecksumCRC32": value}
        if answer:
            assert code(lambda ended=ended: client.complete_multipart_upload(**ended)) == (answer, 400)
        else:
            assert client.complete_multipart_upload(**ended)["ChecksumCRC32"] == right


def test_buckets_come_in_pages_when_they_are_asked_for(s3: OwnS3) -> None:
    client = s3.client()
    names = [f"page-{number}" for number in range(5)]
    for name in names:
        client.create_bucket(Bucket=name)
    pages = client.get_paginator("list_buckets").paginate(Prefix="page-", PaginationConfig={"PageSize": 2})
    assert [[one["Name"] for one in page["Buckets"]] for page in pages] == [
        names[:2],
        names[2:4],
        names[4:],
    ]
    assert code(lambda: client.list_buckets(MaxBuckets=10_001))[0] == "InvalidArgument"
    assert client.list_buckets(BucketRegion="eu-west-1").get("Buckets", []) == []


def test_deletion_on_a_condition_that_is_not_kept_deletes_nothing(s3: OwnS3, bucket: str) -> None:
    client = s3.client()
    client.put_object(Bucket=bucket, Key="k", Body=b"x")
    many = {"Objects": [{"Key": "k", "Size": 9}]}
    for act in (
        lambda: client.delete_object(Bucket=bucket, Key="k", IfMatchSize=9),
        lambda: client.delete_object(Bucket=bucket, Key="k", IfMatchLastModifiedTime="2015-01-01"),
        lambda: client.delete_objects(Bucket=bucket, Delete=many),
    ):
        assert code(act) == ("NotImplemented", 501)
    assert client.head_object(Bucket=bucket, Key="k")["ContentLength"] == 1


def test_arguments_beyond_their_limits_are_named(s3: OwnS3, bucket: str) -> None:
    client = s3.client()
    client.put_object(Bucket=bucket, Key="k", Body=b"12345")
    begun = client.create_multipart_upload(Bucket=bucket, Key="copy")["UploadId"]
    copy = {"Bucket": bucket, "Key": "copy", "UploadId": begun, "PartNumber": 1, "CopySource": f"{bucket}/k"}
    refused = code(lambda: client.upload_part_copy(**copy, CopySourceRange="bytes=0-5"))
    assert refused == ("InvalidArgument", 400)
    rule = {"ID": "r" * 256, "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    rules: dict[str, Any] = {"Bucket": bucket, "LifecycleConfiguration": {"Rules": [rule]}}
    assert code(lambda: client.put_bucket_lifecycle_configuration(**rules)) == ("InvalidArgument", 400)


def test_tags_decide_where_a_policy_asks_for_them(s3: OwnS3, bucket: str) -> None:
    admin, objects = s3.client(), f"arn:aws:s3:::{bucket}/*"
    public = {"StringEquals": {"s3:ExistingObjectTag/level": "public"}}
    asked = {"StringEquals": {"s3:RequestObjectTag/level": "public"}}
    keys = make_user(
        s3,
        "tagger",
        allow(["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging"], objects, Condition=public),
        allow(["s3:PutObject", "s3:PutObjectTagging"], objects, Condition=asked),
    )
    tagger = s3.client(keys)
    admin.put_object(Bucket=bucket, Key="public", Body=b"p", Tagging="level=public")
    admin.put_object(Bucket=bucket, Key="secret", Body=b"s", Tagging="level=secret")
    assert tagger.get_object(Bucket=bucket, Key="public")["Body"].read() == b"p"
    tagger.put_object(Bucket=bucket, Key="mine", Body=b"m", Tagging="level=public")
    tagger.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/public", Tagging="level=public",
                       TaggingDirective="REPLACE")  # fmt: skip
    secret = {"TagSet": [{"Key": "level", "Value": "secret"}]}
    for act in (
        lambda: tagger.get_object(Bucket=bucket, Key="secret"),
        lambda: tagger.get_object_tagging(Bucket=bucket, Key="secret"),
        lambda: tagger.copy_object(Bucket=bucket, Key="stolen", CopySource=f"{bucket}/secret",
                                   Tagging="level=public", TaggingDirective="REPLACE"),
        lambda: tagger.put_object(Bucket=bucket, Key="mine", Body=b"m"),
        lambda: tagger.put_object_tagging(Bucket=bucket, Key="mine", Tagging=secret),
    ):  # fmt: skip
        assert code(act) == ("AccessDenied", 403)
    assert admin.get_object_tagging(Bucket=bucket, Key="mine")["TagSet"][0]["Value"] == "public"
    tagger.put_object_tagging(
        Bucket=bucket, Key="secret", Tagging={"TagSet": [{"Key": "level", "Value": "public"}]}
    )


def test_tags_of_a_version_decide_about_that_version(s3: OwnS3, bucket: str) -> None:
    admin = s3.client()
    admin.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = admin.put_object(Bucket=bucket, Key="k", Body=b"1", Tagging="level=secret")["VersionId"]
    new = admin.put_object(Bucket=bucket, Key="k", Body=b"2", Tagging="level=public")["VersionId"]
    public = {"StringEquals": {"s3:ExistingObjectTag/level": "public"}}
    actions = ["s3:GetObject", "s3:GetObjectVersion"]
    reader = s3.client(
        make_user(s3, "versions", allow(actions, f"arn:aws:s3:::{bucket}/*", Condition=public))
    )
    assert reader.get_object(Bucket=bucket, Key="k", VersionId=new)["Body"].read() == b"2"
    assert code(lambda: reader.get_object(Bucket=bucket, Key="k", VersionId=old))[0] == "AccessDenied"


def test_bucket_policy_can_demand_conditional_writes(s3: OwnS3, bucket: str) -> None:
    client = s3.client()
    demand = {"Effect": "Deny", "Principal": "*", "Action": ["s3:PutObject", "s3:DeleteObject"],
              "Resource": f"arn:aws:s3:::{bucket}/*",
              "Condition": {"Null": {"s3:if-none-match": "true", "s3:if-match": "true"}}}  # fmt: skip
    client.put_bucket_policy(Bucket=bucket, Policy=_policy(demand))
    etag = client.put_object(Bucket=bucket, Key="k", Body=b"x", IfNoneMatch="*")["ETag"]
    assert code(lambda: client.put_object(Bucket=bucket, Key="k", Body=b"y"))[0] == "AccessDenied"
    bare = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})
    assert [one["Code"] for one in bare["Errors"]] == ["AccessDenied"]
    told = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "ETag": etag}]})
    assert [one["Key"] for one in told["Deleted"]] == ["k"]


def test_bucket_policy_may_not_allow_everybody_but_somebody(s3: OwnS3, bucket: str) -> None:
    client = s3.client()
    client.delete_public_access_block(Bucket=bucket)
    everybody_else = {"Effect": "Allow", "NotPrincipal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                      "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}  # fmt: skip
    with pytest.raises(ClientError, match="MalformedPolicy"):
        client.put_bucket_policy(Bucket=bucket, Policy=_policy(everybody_else))


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
