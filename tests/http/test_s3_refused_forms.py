"""What the embedded store refuses by its form: names, lifecycle rules, writes that would lose what is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.own_s3 import OwnS3, running_own_s3


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnS3]:
    with running_own_s3(tmp_path_factory.mktemp("s3")) as store:
        store.client().create_bucket(Bucket="code")
        yield store


def code(act: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as refused:
        act(**given)
    return str(refused.value.response["Error"]["Code"])


@pytest.mark.parametrize(
    "name",
    ["xn--a", "sthree-a", "amzn-s3-demo-a", "abc-s3alias", "abc--ol-s3", "abc.mrap", "abc--table-s3"],
)
def test_bucket_name_that_s3_keeps_for_itself_is_refused(s3: OwnS3, name: str) -> None:
    assert code(s3.client().create_bucket, Bucket=name) == "InvalidBucketName"


TAGGED = {"Tag": {"Key": "a", "Value": "b"}}


@pytest.mark.parametrize(
    ("chosen", "action", "expected"),
    [
        (TAGGED, {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}, "InvalidRequest"),
        (TAGGED, {"Expiration": {"ExpiredObjectDeleteMarker": True}}, "InvalidRequest"),
        (
            {"ObjectSizeGreaterThan": 1},
            {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
            "InvalidRequest",
        ),
        (
            {"And": {"ObjectSizeGreaterThan": 5, "ObjectSizeLessThan": 5}},
            {"Expiration": {"Days": 1}},
            "InvalidRequest",
        ),
        (
            {"Prefix": ""},
            {"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 101}},
            "InvalidArgument",
        ),
        (TAGGED, {"Expiration": {"Days": 1}}, None),
        (
            {"And": {"ObjectSizeGreaterThan": 5, "ObjectSizeLessThan": 6}},
            {"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 100}},
            None,
        ),
    ],
)
def test_lifecycle_rule_says_together_only_what_s3_lets_it(
    s3: OwnS3, chosen: dict[str, Any], action: dict[str, Any], expected: str | None
) -> None:
    client = s3.client()
    rules = {"Rules": [{"ID": "a", "Status": "Enabled", "Filter": chosen, **action}]}
    given = {"Bucket": "code", "LifecycleConfiguration": rules}
    if expected is None:
        client.put_bucket_lifecycle_configuration(**given)
        assert client.get_bucket_lifecycle_configuration(Bucket="code")["Rules"][0]["Filter"] == chosen
    else:
        assert code(client.put_bucket_lifecycle_configuration, **given) == expected


def test_write_that_means_a_part_or_an_end_replaces_nothing(s3: OwnS3) -> None:
    client = s3.client()
    client.put_object(Bucket="code", Key="k", Body=b"whole")

    def without_upload(request: Any, **_: Any) -> None:
        request.url = f"{request.url.partition('?')[0]}?partNumber=1"

    appending = {"Bucket": "code", "Key": "k", "Body": b"x", "WriteOffsetBytes": 5}
    assert code(client.put_object, **appending) == "NotImplemented"
    client.meta.events.register("before-sign.s3.PutObject", without_upload)
    assert code(client.put_object, Bucket="code", Key="k", Body=b"part") == "InvalidArgument"
    assert client.get_object(Bucket="code", Key="k")["Body"].read() == b"whole"
